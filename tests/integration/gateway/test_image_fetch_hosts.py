"""The guarded fetch from hosts that fail, lie and send too much."""

import asyncio
import gzip
from ipaddress import ip_address
from socket import create_server

import pytest

from retrieval.domain import Deadline
from retrieval.errors import (
    FailedPrecondition,
    ImageTooLarge,
    Overloaded,
    Reason,
)
from retrieval.image_fetch.connecting import PinnedBackend
from retrieval.permits import ByteBudget
from retrieval.preprocess.limits import MAX_BYTES
from tests.integration.gateway.image_fetching import CONTENT, URI, failure, fetch
from tests.support.internet import (
    PUBLIC,
    Internet,
    sends,
)


@pytest.fixture
def internet() -> Internet:
    return Internet()


# --- hosts that fail ------------------------------------------------------------------------


async def test_a_host_that_is_not_there(internet: Internet) -> None:
    assert (await failure(internet)).reason is Reason.IMAGE_HOST_UNREACHABLE  # no such name
    internet.names["shop.example"] = [[]]
    assert (await failure(internet)).reason is Reason.IMAGE_HOST_UNREACHABLE
    internet.names["shop.example"] = [[PUBLIC]]
    with create_server(("127.0.0.1", 0)) as gone:
        internet.routes[PUBLIC, 80] = gone.getsockname()[1]
    error = await failure(internet)  # nobody listens there any more
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.IMAGE_HOST_UNREACHABLE
    assert internet.observed == [("image_host", "unavailable")] * 3


@pytest.mark.parametrize(
    "status", ["204 No Content", "206 Partial", "304 Same", "403 No", "404 No", "500 No", "999 ?"]
)
async def test_a_host_that_answers_with_anything_but_a_picture(
    internet: Internet, status: str
) -> None:
    async with internet.host(sends(CONTENT, status=status)):
        error = await failure(internet)
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.IMAGE_HOST_REFUSED


GARBAGE = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/0.9": b"<html>",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a status that is none": b"HTTP/1.1 two OK\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "less than declared": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\nabc",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a chunk that ends early": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "a chunk without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "an encoding nobody asked for": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nabc",
    "two encodings": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\nabc",
    "packed garbage": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nabc",
    "half a package": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    + gzip.compress(b"a")[:9],
    "a package and more": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    + gzip.compress(b"a") * 2,
    "a switch of protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    "a redirect without a location": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    "a redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: \xff\r\n\r\n",
}


@pytest.mark.parametrize("case", GARBAGE)
async def test_a_host_that_speaks_garbage(internet: Internet, case: str) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(GARBAGE[case])

    async with internet.host(answer):
        error = await failure(internet)
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.IMAGE_HOST_REFUSED
    assert internet.observed == [("image_host", "refused")]
    assert len(internet.dialled) == 1


NEVER_ENDING = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
    "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 10_000),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "chunks of a pixel": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n" * 1000,
    ),
    "names of one chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"name=value;" * 1000,
    ),
    "chunks with long names": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1;" + b"name=value;" * 1000 + b"\r\na\r\n",
    ),
}


@pytest.mark.parametrize("case", NEVER_ENDING)
async def test_a_host_that_never_comes_to_the_picture_is_left_before_the_time_is_over(
    internet: Internet, case: str
) -> None:
    first, again = NEVER_ENDING[case]
    sent_bytes = 0

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent_bytes
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            sent_bytes += len(again)

    async with internet.host(answer):
        error = await failure(internet, within_s=60, budget_s=60)
    assert error.reason is Reason.IMAGE_HOST_REFUSED
    assert sent_bytes < 32 << 20  # what was read, and what lies in buffers on the way


async def test_other_tasks_get_their_turns_between_many_small_chunks(internet: Internet) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"1\r\na\r\n" * 15_000 + b"0\r\n\r\n")

    working = asyncio.create_task(others())
    async with internet.host(answer):
        assert await fetch(internet, within_s=60, budget_s=60) == b"a" * 15_000
    working.cancel()
    assert turns > 15_000 / 50


async def test_the_parser_is_given_little_at_a_time(internet: Internet) -> None:
    content = bytes(256 << 10)
    async with internet.host(sends(content)):
        pinned = PinnedBackend(internet, [ip_address(PUBLIC)], Deadline.after(20), 1 << 20)
        stream = await pinned.connect_tcp("shop.example", 80)
        await stream.write(b"GET / HTTP/1.1\r\n\r\n")
        pieces = []
        while piece := await stream.read(1 << 20):
            pieces.append(piece)
        await stream.aclose()
    assert b"".join(pieces).endswith(content)
    assert max(map(len, pieces)) <= 16 << 10


# --- size -----------------------------------------------------------------------------------


async def test_a_picture_over_the_limit_is_refused_by_what_is_declared(internet: Internet) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BYTES + 1))
        await writer.drain()
        await asyncio.sleep(60)  # and says no more

    async with internet.host(answer):
        error = await failure(internet)
    assert isinstance(error, ImageTooLarge)
    assert error.reason is Reason.IMAGE_TOO_MANY_BYTES
    assert internet.observed == [("image_host", "too_large")]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_picture_over_the_limit_is_refused_by_what_comes(
    internet: Internet, chunked: bool
) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        framing = b"Transfer-Encoding: chunked" if chunked else b"Connection: close"
        writer.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        piece = bytes(1 << 20)
        for _part in range(64):
            writer.write(b"100000\r\n" + piece + b"\r\n" if chunked else piece)
            await writer.drain()

    async with internet.host(answer):
        assert isinstance(await failure(internet), ImageTooLarge)


async def test_more_than_declared_is_not_read(internet: Internet) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort" + bytes(1 << 16))

    async with internet.host(answer):
        assert await fetch(internet) == b"short"


async def test_a_bomb_is_refused_without_going_off(internet: Internet) -> None:
    bomb = gzip.compress(bytes(100 << 20), compresslevel=1)
    assert len(bomb) < MAX_BYTES
    async with internet.host(sends(bomb, "Content-Encoding: gzip")):
        assert isinstance(await failure(internet), ImageTooLarge)


async def test_bytes_in_memory_are_bounded_over_all_callers(internet: Internet) -> None:
    internet.buffered = ByteBudget(len(CONTENT) * 3 // 2)
    fetcher = internet.fetcher()
    async with internet.host(sends(CONTENT)):
        async with fetcher.fetch(URI, Deadline.after(10)) as content:
            assert content == CONTENT
            with pytest.raises(Overloaded):
                async with fetcher.fetch(URI, Deadline.after(10)):
                    pass
            assert internet.buffered.taken_bytes == len(CONTENT)
        async with fetcher.fetch(URI, Deadline.after(10)) as content:
            assert content == CONTENT
    assert [outcome for _, outcome in internet.observed] == ["ok", "exhausted", "ok"]
