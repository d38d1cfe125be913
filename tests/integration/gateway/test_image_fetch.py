"""The guarded fetch over real connections to servers that behave and to servers that do not."""

import asyncio
import gzip
import ssl
import threading
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from socket import create_server, gaierror, socket
from typing import Any

import pytest
from httpcore2 import AnyIOBackend

from retrieval.domain import Deadline
from retrieval.errors import (
    DeadlineExceeded,
    DependencyExhausted,
    FailedPrecondition,
    ImageTooLarge,
    InvalidArgument,
    Overloaded,
    Reason,
    RecomposeError,
)
from retrieval.image_fetch.connecting import PinnedBackend, public_tls
from retrieval.image_fetch.hosts import HostAllowlist
from retrieval.image_fetch.resolving import SystemResolver
from retrieval.image_fetch.transfer import USER_AGENT
from retrieval.permits import ByteBudget
from retrieval.preprocess.limits import MAX_BYTES
from tests.support.certificates import Authority
from tests.support.internet import (
    PUBLIC,
    PUBLIC_TOO,
    PUBLIC_V6,
    Internet,
    redirects,
    sends,
)

URI = "http://shop.example/a.png"
CONTENT = b"a picture, as far as the fetch knows" * 100


@pytest.fixture
def internet() -> Internet:
    return Internet()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def fetch(internet: Internet, uri: str = URI, within_s: float = 10, **options: Any) -> bytes:
    async with internet.fetcher(**options).fetch(uri, Deadline.after(within_s)) as content:
        assert internet.buffered.taken_bytes == len(content)
    return content


async def failure(
    internet: Internet, uri: str = URI, within_s: float = 10, **options: Any
) -> RecomposeError:
    """What a fetch ends with; nothing may stay counted as in memory."""
    with pytest.raises(RecomposeError) as caught:
        await fetch(internet, uri, within_s, **options)
    assert internet.buffered.taken_bytes == 0
    return caught.value


# --- what works -----------------------------------------------------------------------------


async def test_a_picture_is_fetched_with_nothing_of_the_callers(internet: Internet) -> None:
    async with internet.host(sends(CONTENT, "Set-Cookie: a=b")):
        for _ in range(2):
            assert await fetch(internet, f"{URI}?w=1&ä#part") == CONTENT
    assert internet.dialled == [(PUBLIC, 80)] * 2
    assert internet.buffered.taken_bytes == 0
    for head in internet.heads:
        assert head.decode().split("\r\n") == [
            "GET /a.png?w=1&%C3%A4 HTTP/1.1",
            "Host: shop.example",
            f"User-Agent: {USER_AGENT}",
            "Accept: image/jpeg, image/png, image/webp",
            "Accept-Encoding: identity",
            "Connection: close",
            "",
            "",
        ]
    assert internet.observed == [("image_host", "ok")] * 2


async def test_no_proxy_of_the_environment_is_used(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with internet.host(sends(CONTENT)):
        assert await fetch(internet) == CONTENT
    assert internet.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize("uri", [f"http://{PUBLIC}/a", f"http://[{PUBLIC_V6}]/a"])
async def test_a_public_address_needs_no_name(internet: Internet, uri: str) -> None:
    async with (
        internet.host(sends(CONTENT)),
        internet.host(sends(CONTENT), name="six.example", address=PUBLIC_V6),
    ):
        assert await fetch(internet, uri) == CONTENT
    assert internet.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(internet: Internet, status: int) -> None:
    async with (
        internet.host(redirects("//img.shop.example/b", f"{status} Elsewhere")),
        internet.host(sends(CONTENT), name="img.shop.example", address=PUBLIC_TOO),
    ):
        assert await fetch(internet) == CONTENT
    assert internet.dialled == [(PUBLIC, 80), (PUBLIC_TOO, 80)]
    assert b"referer" not in internet.heads[1].lower()


async def test_the_next_address_is_tried_where_one_does_not_answer(internet: Internet) -> None:
    internet.names["shop.example"] = [[PUBLIC_V6, PUBLIC]]
    async with internet.host(sends(CONTENT)):
        assert await fetch(internet) == CONTENT
    assert internet.dialled == [(PUBLIC_V6, 80), (PUBLIC, 80)]


async def test_few_of_many_addresses_are_tried(internet: Internet) -> None:
    internet.names["shop.example"] = [[f"93.184.216.{last}" for last in range(1, 200)]]
    assert (await failure(internet)).reason is Reason.IMAGE_HOST_UNREACHABLE
    assert len(internet.dialled) == 4


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "identity", "GZIP"])
async def test_a_host_that_packs_unasked_is_understood(internet: Internet, encoding: str) -> None:
    packed = {"identity": CONTENT, "deflate": zlib.compress(CONTENT)}.get(
        encoding, gzip.compress(CONTENT)
    )
    async with internet.host(sends(packed, f"Content-Encoding: {encoding}")):
        assert await fetch(internet) == CONTENT


async def test_the_largest_picture_is_fetched(internet: Internet) -> None:
    content = bytes(MAX_BYTES)
    async with internet.host(sends(content)):
        assert await fetch(internet) == content
    async with internet.host(sends(content, length=False)):
        assert await fetch(internet) == content


async def test_a_body_in_chunks_is_put_together(internet: Internet) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(CONTENT), 100):
            piece = CONTENT[start : start + 100]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        writer.write(b"0\r\n\r\n")

    async with internet.host(answer):
        assert await fetch(internet) == CONTENT


# --- where it may go ------------------------------------------------------------------------


async def test_one_private_address_among_public_ones_refuses_the_host(internet: Internet) -> None:
    for addresses in ([PUBLIC, "10.0.0.1"], [PUBLIC_V6, PUBLIC, "::ffff:127.0.0.1"]):
        internet.names["shop.example"] = [addresses]
        async with internet.host(sends(CONTENT)):
            assert (await failure(internet)).reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == []
    assert internet.observed == [("image_host", "blocked")] * 2


async def test_a_name_that_resolves_anew_stays_at_the_address_that_was_checked(
    internet: Internet,
) -> None:
    internet.names["shop.example"] = [[PUBLIC], ["127.0.0.1"]]
    async with internet.host(sends(CONTENT)):
        assert await fetch(internet) == CONTENT
        assert internet.asked == ["shop.example"]
        assert internet.dialled == [(PUBLIC, 80)]
        # The next fetch asks again, and sees what the name has become.
        assert (await failure(internet)).reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == [(PUBLIC, 80)]


async def test_a_redirect_to_the_same_name_is_looked_up_anew(internet: Internet) -> None:
    internet.names["shop.example"] = [[PUBLIC], ["169.254.169.254"]]
    async with internet.host(redirects("/b.png")):
        error = await failure(internet)
    assert isinstance(error, InvalidArgument)
    assert error.reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        "//localhost/",
        "http://inside.example/",
        "http://user@shop.example/",
        "http://shop.example:22/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "\\\\127.0.0.1\\a",
    ],
)
async def test_a_redirect_to_where_no_caller_may_is_refused_at_that_hop(
    internet: Internet, location: str
) -> None:
    internet.names["inside.example"] = [["10.1.2.3"]]
    async with internet.host(redirects(location)):
        error = await failure(internet)
    assert isinstance(error, InvalidArgument)
    assert error.reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == [(PUBLIC, 80)]


async def test_a_list_holds_for_redirects_too(internet: Internet) -> None:
    rule = HostAllowlist(["shop.example", "*.img.example"])
    async with (
        internet.host(redirects("http://a.img.example/")),
        internet.host(redirects("http://other.example/"), name="a.img.example", address=PUBLIC_TOO),
        internet.host(sends(CONTENT), name="other.example", address="93.184.216.36"),
    ):
        assert (await failure(internet, may_ask=rule)).reason is Reason.IMAGE_URI_REFUSED
        assert internet.dialled == [(PUBLIC, 80), (PUBLIC_TOO, 80)]
        refused = await failure(internet, "http://other.example/", may_ask=rule)
    assert refused.reason is Reason.IMAGE_URI_REFUSED
    assert "other.example" not in internet.asked


async def test_redirects_end(internet: Internet) -> None:
    async with internet.host(redirects("/again")):
        error = await failure(internet)
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.IMAGE_HOST_REFUSED
    assert len(internet.dialled) == 4  # the first question, and three redirects


# --- TLS ------------------------------------------------------------------------------------


async def test_the_certificate_must_be_the_names(internet: Internet, authority: Authority) -> None:
    tls = authority.client()
    async with internet.host(sends(CONTENT), port=443, tls=authority.server("DNS:shop.example")):
        assert await fetch(internet, "https://shop.example/", tls=tls) == CONTENT
        # The same server by another name, or by its bare address, is not the one it says it is.
        internet.names["other.example"] = [[PUBLIC]]
        for uri in ("https://other.example/", f"https://{PUBLIC}/"):
            error = await failure(internet, uri, tls=tls)
            assert isinstance(error, FailedPrecondition)
            assert error.reason is Reason.IMAGE_HOST_UNREACHABLE
        # Nor is an authority trusted that is not a public one.
        assert (await failure(internet, "https://shop.example/")).kind is error.kind
    assert len(internet.heads) == 1


async def test_the_name_is_what_tls_asks_for(internet: Internet, authority: Authority) -> None:
    asked: list[str | None] = []
    server = authority.server("DNS:shop.example")
    server.sni_callback = lambda _, name, __: asked.append(name)
    async with internet.host(sends(CONTENT), port=443, tls=server):
        await fetch(internet, "https://SHOP.example/", tls=authority.client())
    assert asked == ["shop.example"]


async def test_an_address_may_have_a_certificate(internet: Internet, authority: Authority) -> None:
    server = authority.server(f"IP:{PUBLIC_V6}")
    async with internet.host(
        sends(CONTENT), name="six.example", address=PUBLIC_V6, port=443, tls=server
    ):
        uri = f"https://[{PUBLIC_V6}]/"
        assert await fetch(internet, uri, tls=authority.client()) == CONTENT


async def test_what_began_in_tls_stays_there(internet: Internet, authority: Authority) -> None:
    server = authority.server("DNS:shop.example")
    async with (
        internet.host(redirects("http://shop.example/"), port=443, tls=server),
        internet.host(sends(CONTENT)),
    ):
        error = await failure(internet, "https://shop.example/", tls=authority.client())
    assert error.reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == [(PUBLIC, 443)]


async def test_a_host_without_tls_is_not_asked_without(
    internet: Internet, authority: Authority
) -> None:
    async with internet.host(sends(CONTENT), port=443):
        error = await failure(
            internet, "https://shop.example/", budget_s=0.5, tls=authority.client()
        )
    assert isinstance(error, FailedPrecondition)
    assert internet.heads == []


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


# --- time -----------------------------------------------------------------------------------


@asynccontextmanager
async def timed(at_most_s: float) -> AsyncIterator[None]:
    started_s = time.monotonic()
    yield
    assert time.monotonic() - started_s < at_most_s


async def drip(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _part in range(60):
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.1)


async def drip_the_head(_: bytes, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def say_nothing(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def redirect_slowly(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.3)
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("slow", [drip, drip_the_head, say_nothing, redirect_slowly])
async def test_one_time_holds_for_all_of_a_fetch(internet: Internet, slow: Any) -> None:
    async with internet.host(slow), timed(5):
        error = await failure(internet, budget_s=0.5)
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.IMAGE_HOST_TIMEOUT
    assert internet.observed == [("image_host", "timeout")]


async def test_the_callers_own_time_is_the_callers(internet: Internet) -> None:
    async with internet.host(drip), timed(5):
        assert isinstance(await failure(internet, within_s=0.3), DeadlineExceeded)


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose line of waiting connections is full: the next one is not answered at all."""
    with create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = []
        for _ in range(4):
            one = socket()
            one.setblocking(False)
            one.connect_ex(server.getsockname())
            waiting.append(one)
        yield server.getsockname()[1]
        for one in waiting:
            one.close()


async def test_a_connection_that_is_not_answered_leaves_time_for_the_next_address(
    internet: Internet,
) -> None:
    internet.names["shop.example"] = [[PUBLIC_TOO, PUBLIC]]
    with full_port() as port:
        internet.routes[PUBLIC_TOO, 80] = port
        async with internet.host(sends(CONTENT)):
            assert await fetch(internet, budget_s=2) == CONTENT
        async with timed(5):
            assert (await failure(internet, budget_s=0.5)).kind is FailedPrecondition.kind
    assert internet.dialled[:2] == [(PUBLIC_TOO, 80), (PUBLIC, 80)]


async def test_a_name_that_is_looked_up_for_long_is_bounded(internet: Internet) -> None:
    async def never(name: str) -> list[Any]:
        await asyncio.sleep(60)
        return []

    internet.resolve = never  # type: ignore[method-assign]
    async with timed(5):
        assert (await failure(internet, budget_s=0.3)).reason is Reason.IMAGE_HOST_TIMEOUT


async def test_a_caller_who_leaves_closes_the_connection(internet: Internet) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            closed.set()

    async with internet.host(answer):
        task = asyncio.create_task(fetch(internet))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), 5)
    assert internet.observed == [("image_host", "cancelled")]
    assert internet.buffered.taken_bytes == 0


async def test_no_connection_stays_open_however_a_fetch_ends(internet: Internet) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    ends = [sends(CONTENT), redirects("/"), sends(b"", status="404 No"), drip, say_nothing]
    ends.append(sends(b"packed", "Content-Encoding: br"))
    async with AsyncExitStack() as hosts:
        for number, answer in enumerate(ends):
            name, address = f"h{number}.example", f"93.184.216.{number}"
            await hosts.enter_async_context(internet.host(answer, name=name, address=address))
        before = descriptors()
        fetcher = internet.fetcher(budget_s=0.2)
        for _ in range(3):
            for number in range(len(ends)):
                with suppress(FailedPrecondition):
                    async with fetcher.fetch(f"http://h{number}.example/", Deadline.after(9)):
                        pass
        assert len(internet.dialled) == 3 * (len(ends) + 3)
        # The servers' own ends close when they notice; those of the fetch are closed already.
        async with asyncio.timeout(20):
            while descriptors() > before + 3:  # noqa: ASYNC110 - the silent one sleeps on
                await asyncio.sleep(0.05)


async def test_fetches_at_once_are_bounded_and_so_is_the_line(internet: Internet) -> None:
    fetcher = internet.fetcher(budget_s=20)
    release = asyncio.Event()
    together = 0

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal together
        together = max(together, len(internet.heads))
        await release.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")

    async def one() -> bytes:
        async with fetcher.fetch(URI, Deadline.after(60)) as content:
            return content

    async with internet.host(answer):
        tasks = [asyncio.create_task(one()) for _ in range(100)]
        turned_away, waiting = set[asyncio.Task[bytes]](), set(tasks)
        while len(turned_away) < 100 - 32 - 64:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            turned_away |= done
        assert all(isinstance(task.exception(), DependencyExhausted) for task in turned_away)
        assert together == len(internet.heads) <= 32
        release.set()
        answered = await asyncio.gather(*tasks, return_exceptions=True)
    assert answered.count(b"a") == 96


# --- the system's own parts -----------------------------------------------------------------


async def test_the_systems_resolver_is_asked_for_the_absolute_name() -> None:
    asked: list[Any] = []

    def lookup(*arguments: Any, **options: Any) -> list[Any]:
        asked.append((arguments, threading.current_thread()))
        return [
            (0, 0, 0, "", (PUBLIC, 0)),
            (0, 0, 0, "", ("fe80::1%eth0", 0, 0, 2)),
        ]

    resolver = SystemResolver(lookup=lookup)
    assert await resolver("shop.example") == [ip_address(PUBLIC), ip_address("fe80::1%eth0")]
    assert asked[0][0][0] == "shop.example."
    assert asked[0][1] is not threading.current_thread()
    resolver.close()


async def test_a_name_that_nobody_has_is_an_error_of_the_system() -> None:
    resolver = SystemResolver()
    with pytest.raises(gaierror):
        await resolver("no-such-name.invalid")
    resolver.close()


async def test_look_ups_that_hang_keep_their_places_and_no_more() -> None:
    hang, running = threading.Event(), threading.Semaphore(0)
    names: list[str] = []

    def lookup(name: str, *_: Any, **__: Any) -> list[Any]:
        names.append(name)
        running.release()
        hang.wait(30)
        return [(0, 0, 0, "", (PUBLIC, 0))]

    resolver = SystemResolver(threads=2, lookup=lookup)
    waiting = [asyncio.create_task(resolver(f"{number}.example")) for number in range(4)]
    for _ in range(2):
        await asyncio.to_thread(running.acquire)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    late = asyncio.create_task(resolver("late.example"))
    await asyncio.sleep(0.1)
    assert len(names) == 2  # those two still run, though nobody waits for them
    hang.set()
    assert await late == [ip_address(PUBLIC)]
    assert names[2:] == ["late.example."]
    resolver.close()


async def test_the_connection_goes_to_an_address_without_a_look_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The production backend is given an address; it may not ask anybody for one."""
    loop = asyncio.get_running_loop()

    async def never(*_: Any, **__: Any) -> list[Any]:
        raise AssertionError("looked up")

    monkeypatch.setattr(loop, "getaddrinfo", never)
    with create_server(("127.0.0.1", 0)) as server:
        stream = await AnyIOBackend().connect_tcp("127.0.0.1", server.getsockname()[1], timeout=5)
        await stream.aclose()


def test_public_tls_checks_names_and_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    context = public_tls()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) > 50
