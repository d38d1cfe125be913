"""The proxy that tests harm connections with: each fault is what it says, and `heal` ends it."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.support.fault_proxy import FaultProxy

PATIENCE_S = 10

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """A proxy before a server that repeats what it hears."""

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while words := await reader.read(1 << 16):
            writer.write(words)
        writer.close()

    server = await asyncio.start_server(repeat, "127.0.0.1", 0)
    async with FaultProxy(server.sockets[0].getsockname()[1]).relaying() as proxy:
        yield proxy
    server.close()


@pytest.fixture
async def caller(proxy: FaultProxy) -> Connection:
    return await connect(proxy)


async def connect(proxy: FaultProxy) -> Connection:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def echo(caller: Connection, words: bytes) -> bytes:
    """What comes back for some words, as many bytes as there are words."""
    reader, writer = caller
    writer.write(words)
    async with asyncio.timeout(PATIENCE_S):
        return await reader.readexactly(len(words))


async def test_a_whole_way_changes_nothing(proxy: FaultProxy, caller: Connection) -> None:
    assert await echo(caller, b"x" * 1_000_000) == b"x" * 1_000_000
    reader, writer = caller
    writer.write(b"the last words")
    writer.write_eof()
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b"the last words"
    assert proxy.accepted == 1


async def test_delays_and_drips_take_their_time(proxy: FaultProxy, caller: Connection) -> None:
    proxy.delay(0.2)
    began_s = time.monotonic()
    await echo(caller, b"late")
    assert time.monotonic() - began_s >= 0.2
    await proxy.heal()
    proxy.throttle(100)
    began_s = time.monotonic()
    await echo(caller, b"x" * 30)
    assert time.monotonic() - began_s >= 0.2
    await proxy.heal()
    assert await echo(caller, b"x" * 10_000) == b"x" * 10_000


async def test_what_was_stalled_comes_later(proxy: FaultProxy, caller: Connection) -> None:
    proxy.stall()
    answer = asyncio.create_task(echo(caller, b"held"))
    done, _ = await asyncio.wait({answer}, timeout=0.1)
    assert not done
    await proxy.heal()
    assert await answer == b"held"


async def test_garbage_takes_the_place_of_an_answer(proxy: FaultProxy, caller: Connection) -> None:
    proxy.garbage(b"zzzz")
    assert await echo(caller, b"word") == b"zzzz"
    await proxy.heal()
    assert await echo(caller, b"word") == b"word"


async def test_a_cut_ends_in_good_order_and_a_reset_does_not(proxy: FaultProxy) -> None:
    first, second, third = [await connect(proxy) for _ in range(3)]
    for one in (first, second, third):
        await echo(one, b"here")
    proxy.cut()
    async with asyncio.timeout(PATIENCE_S):
        assert await first[0].read() == b""
    fourth = await connect(proxy)
    await echo(fourth, b"here")
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await echo(fourth, b"here")


async def test_a_reset_in_the_midst_of_an_answer(proxy: FaultProxy, caller: Connection) -> None:
    proxy.reset_after(4)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await echo(caller, b"more than four")
    await proxy.heal()
    assert await echo(await connect(proxy), b"more than four") == b"more than four"


async def test_a_refused_port_listens_again(proxy: FaultProxy, caller: Connection) -> None:
    port = proxy.port
    await proxy.refuse()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await echo(caller, b"gone")
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    await proxy.heal()
    assert proxy.port == port
    assert await echo(await connect(proxy), b"back") == b"back"


async def test_nobody_behind_it_is_a_reset() -> None:
    free = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = free.sockets[0].getsockname()[1]
    free.close()
    async with FaultProxy(port).relaying() as proxy:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await echo(await connect(proxy), b"anyone?")
