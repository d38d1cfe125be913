"""Room for bytes in memory: who gets in when, and that what was held comes back."""

import asyncio

import pytest

from retrieval.permits import ByteRoom


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_finds_room_goes_in_at_once() -> None:
    room = ByteRoom(10)
    async with asyncio.timeout(0):
        await room.take(4)
        await room.take(6)


async def test_the_line_is_kept_also_by_those_who_would_fit() -> None:
    room, came = ByteRoom(10), list[str]()

    async def come(name: str, count: int) -> None:
        await room.take(count)
        came.append(name)

    leave = await room.take(8)
    large = asyncio.create_task(come("large", 9))
    small = asyncio.create_task(come("small", 1))
    await settled()
    assert came == []
    leave()
    await asyncio.gather(large, small)
    assert came == ["large", "small"]


async def test_room_comes_back_once_however_often_it_is_given() -> None:
    room = ByteRoom(10)
    leave = await room.take(5)
    await room.take(5)
    leave()
    leave()
    await room.take(5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await room.take(1)


async def test_what_is_larger_than_all_of_it_goes_in_alone() -> None:
    room = ByteRoom(10)
    leave = await room.take(1)
    huge = asyncio.create_task(room.take(1000))
    await settled()
    assert not huge.done()
    leave()
    (await huge)()
    await room.take(10)


async def test_who_leaves_the_line_holds_up_nobody() -> None:
    room = ByteRoom(10)
    await room.take(5)
    large = asyncio.create_task(room.take(6))
    small = asyncio.create_task(room.take(5))
    await settled()
    large.cancel()
    await small
    assert large.cancelled()


async def test_who_is_cancelled_as_their_turn_comes_keeps_nothing() -> None:
    room = ByteRoom(10)
    leave = await room.take(10)
    waiting = asyncio.create_task(room.take(10))
    await settled()
    leave()  # its turn has come, and it was not told yet
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    async with asyncio.timeout(0):
        await room.take(10)
