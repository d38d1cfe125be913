"""REST over a real socket: what only bytes on a connection can get wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from prometheus_client import generate_latest

from gateway.edge_parts import EdgeParts
from gateway.rest_api import build_rest_app
from gateway.rest_body import BodyLimits
from tests.support.fake_core import FakeCore, RulingCore, edge_parts

BODY = b'{"modification": "x"}'
LIMITS = BodyLimits(json_bytes=5000, read_s=1.0)


@asynccontextmanager
async def listening(core: FakeCore, http: str = "auto") -> AsyncIterator[int]:
    """The REST edge on a free port, as the gateway serves it; yields the port."""
    async with listening_with(edge_parts(core), http) as port:
        yield port


@asynccontextmanager
async def listening_with(parts: EdgeParts, http: str = "auto") -> AsyncIterator[int]:
    """The same around given parts."""
    app = build_rest_app(parts, LIMITS)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_config=None,
        http=http,
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    socket.listen()
    serving = asyncio.create_task(server.serve(sockets=[socket]))
    try:
        yield socket.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


PATIENCE_S = 30
"""Far over what is waited for, so that a busy machine is no failure."""


async def exchange(port: int, *sent: bytes) -> bytes:
    """Everything that comes back for some bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for data in sent:
            writer.write(data)
            await writer.drain()
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def search(*headers: bytes, body: bytes = BODY, target: bytes = b"/v1/products:search") -> bytes:
    lines = [
        b"POST " + target + b" HTTP/1.1",
        b"Content-Type: application/json",
        b"Connection: close",
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


HOST = b"Host: shop.test"
LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"

REQUESTS: list[tuple[str, bytes, int]] = [
    ("as it should be", search(HOST, LENGTH), 200),
    ("in chunks", search(HOST, CHUNKED, body=b"15\r\n" + BODY + b"\r\n0\r\n\r\n"), 200),
    ("no host", search(LENGTH), 400),
    ("an empty host", search(b"Host:", LENGTH), 400),
    ("two hosts", search(HOST, b"Host: other.test", LENGTH), 400),
    ("a host with a space", search(b"Host: a b", LENGTH), 400),
    ("a host that is an open bracket", search(b"Host: [", LENGTH), 400),
    ("a host with a path", search(b"Host: a/../b", LENGTH), 400),
    ("a host beyond ASCII", search(b"Host: \xff\xfe", LENGTH), 400),
    ("no length and no chunks", search(HOST), 400),
    ("a length that is a word", search(HOST, b"Content-Length: many"), 400),
    ("a negative length", search(HOST, b"Content-Length: -1"), 400),
    ("two lengths", search(HOST, LENGTH, b"Content-Length: 3"), 400),
    ("a length over the limit", search(HOST, b"Content-Length: 999999999"), 413),
    ("a length that is too small", search(HOST, b"Content-Length: 5"), 400),
    (
        "chunks over the limit",
        search(HOST, CHUNKED, body=(b"3e8\r\n" + b" " * 1000 + b"\r\n") * 6 + b"0\r\n\r\n"),
        413,
    ),
    ("chunks that are none", search(HOST, CHUNKED, body=b"zz\r\nxx\r\n0\r\n\r\n"), 400),
    ("a header without a name", search(HOST, LENGTH, b": x"), 400),
    ("a target beyond ASCII", search(HOST, LENGTH, target=b"/v1/\xff"), 400),
    ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64, 400),
]


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_bytes_on_a_connection(http: str) -> None:
    """No request is answered with a 5xx, and the server goes on."""
    core = RulingCore()
    async with listening(core, http) as port:
        for name, data, status in REQUESTS:
            answer = await exchange(port, data)
            assert int(answer.split(b" ", 2)[1]) == status, (name, answer)
            core.calls.clear()
        answer = await exchange(port, search(HOST, LENGTH))
        assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_a_request_id_with_a_line_break_is_refused_or_replaced(http: str) -> None:
    async with listening(FakeCore(), http) as port:
        for sent in (b"X-Request-Id: good-id\r\n planted: 1", b"X-Request-Id: good-id\rplanted: 1"):
            answer = await exchange(port, search(HOST, LENGTH, sent))
            assert answer.split(b" ")[1] in {b"200", b"400"}
            assert b"planted" not in answer


async def test_a_body_that_never_comes_runs_out_of_time() -> None:
    async with listening(FakeCore()) as port:
        answer = await exchange(port, search(HOST, b"Content-Length: 100"))
    assert answer.startswith(b"HTTP/1.1 504")


async def test_a_caller_who_leaves_cancels_the_work() -> None:
    core = FakeCore(hold=asyncio.Event())
    async with listening(core) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(search(HOST, LENGTH))
        await core.entered.wait()
        writer.close()
        async with asyncio.timeout(PATIENCE_S):
            await core.left.wait()
    assert core.cancelled == 1


async def test_a_caller_who_leaves_within_the_body_is_no_error() -> None:
    core = FakeCore()
    async with listening(core) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(search(HOST, b"Content-Length: 100"))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        answer = await exchange(port, search(HOST, LENGTH))
    assert answer.startswith(b"HTTP/1.1 200")
    assert len(core.calls) == 1


async def test_a_full_gateway_refuses_a_search_before_its_body_has_come() -> None:
    parts = edge_parts(FakeCore(), limit=0)
    async with listening_with(parts) as port:
        head = search(HOST, b"Content-Length: 4000", body=b"")
        answer = await exchange(port, head)
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 1" in answer
    metrics = generate_latest(parts.metrics.registry).decode()
    assert 'recompose_requests_total{code="429",edge="rest",method="Search"} 1.0' in metrics
