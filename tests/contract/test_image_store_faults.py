"""S3-compatible storage that is down, slow, refusing or wrong: each becomes its one error."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from obstore import exceptions

from retrieval.domain import Deadline, PictureShelf
from retrieval.errors import (
    DependencyBroken,
    DependencyError,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
)
from retrieval.image_store.s3 import S3ImageStore
from retrieval.image_store.s3_failures import ERRORS, failure_of
from retrieval.image_store.verified import VerifiedImageStore
from tests.support.fault_proxy import FaultProxy
from tests.support.image_places import FilePlace, s3_place, soon
from tests.support.pictures import textured
from tests.support.s3 import BUCKET, S3Server, running_s3

NOBODY = "0" * 64


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def place(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> FilePlace:
    return s3_place(s3_server, executor, monkeypatch)


async def put(store: VerifiedImageStore) -> object:
    return await store.put(textured(), soon())


async def get(store: VerifiedImageStore) -> object:
    return await store.get(NOBODY, soon())


async def listing(store: VerifiedImageStore) -> object:
    return [picture async for picture in store.pictures(PictureShelf.KEPT, soon())]


async def trash(store: VerifiedImageStore) -> object:
    return await store.trash(NOBODY, soon())


async def restore(store: VerifiedImageStore) -> object:
    return await store.restore(NOBODY, soon())


CALLS = (put, get, listing, trash, restore)
Call = Callable[[VerifiedImageStore], Awaitable[object]]
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(content: bytes) -> AsyncIterator[int]:
    """A server that answers every request so; yields its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def http(status: str, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.mark.parametrize("call", CALLS)
async def test_a_server_that_is_down_is_unavailable(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    place = s3_place(s3_server, executor, monkeypatch, port=1)
    begin_s = time.monotonic()
    with pytest.raises(DependencyUnavailable) as caught:
        await call(place.store)
    assert time.monotonic() - begin_s < 2
    assert caught.value.dependency == "image_store"
    assert set(place.seen.outcomes) == {"unavailable"}


@pytest.mark.parametrize("call", CALLS)
async def test_a_missing_bucket_is_unavailable_and_no_missing_picture(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    place = s3_place(s3_server, executor, monkeypatch, bucket="nobodys-bucket")
    with pytest.raises(DependencyUnavailable):
        await call(place.store)


@pytest.mark.parametrize("call", CALLS)
async def test_a_wrong_key_is_refused(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    s3_place(s3_server, executor, monkeypatch)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of another")
    store = S3ImageStore(f"s3://{BUCKET}", executor, endpoint=s3_server.endpoint, read_budget_s=10)
    with pytest.raises(DependencyBroken) as caught:
        await call(store)
    assert "of another" not in str(caught.value)


async def test_a_server_that_hangs_costs_a_caller_its_deadline(
    s3_server: S3Server, place: FilePlace
) -> None:
    sha256 = await place.store.put(textured(), soon())
    s3_server.pause()
    try:
        begin_s = time.monotonic()
        with pytest.raises(DependencyTimeout):
            await place.store.get(sha256, Deadline.after(0.3))
        with pytest.raises(DependencyTimeout):
            await place.store.put(textured((30, 30)), Deadline.after(0.3))
        with pytest.raises(DependencyTimeout):
            await place.store.trash(sha256, Deadline.after(0.3))
        assert time.monotonic() - begin_s < 3
    finally:
        s3_server.resume()
    assert place.seen.outcomes[-3:] == ["timeout"] * 3
    assert await place.store.get(sha256, soon()) is not None


async def test_reading_has_a_budget_of_its_own(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3_place(s3_server, executor, monkeypatch, read_budget_s=0.2)
    s3_server.pause()
    try:
        begin_s = time.monotonic()
        with pytest.raises(DependencyTimeout):
            await place.store.get(NOBODY, Deadline.after(60))
        assert time.monotonic() - begin_s < 2
    finally:
        s3_server.resume()


async def test_a_cancelled_call_drops_its_request(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        gone.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = s3_place(s3_server, executor, monkeypatch, port=port)
    reading = asyncio.create_task(place.store.get(NOBODY, soon()))
    await asyncio.sleep(0.2)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.wait_for(gone.wait(), 5)
    assert place.seen.outcomes == ["cancelled"]
    server.close()


async def test_one_broken_connection_is_not_noticed_by_a_reader(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = FaultProxy(s3_server.port)
    async with wire.relaying():
        place = s3_place(s3_server, executor, monkeypatch, port=wire.port)
        sha256 = await place.store.put(textured(), soon())
        wire.stall()
        reading = asyncio.create_task(place.store.get(sha256, soon()))
        await asyncio.sleep(0.3)
        wire.reset()
        await wire.heal()
        assert await reading is not None
    assert place.seen.outcomes[-2:] in (["unavailable", "ok"], ["ok", "ok"])


async def test_a_restarted_server_has_what_was_acknowledged(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_s3() as server:
        place = s3_place(server, executor, monkeypatch)
        sha256 = await place.store.put(textured(), soon())
        server.kill()
        with pytest.raises(DependencyUnavailable):
            await place.store.get(sha256, soon())
        server.start()
        assert await place.store.get(sha256, soon()) is not None


BUSY = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
FULL = b"<Error><Code>XMinioStorageFull</Code></Error>"


@pytest.mark.parametrize("call", [put, get, listing])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http("503 Slow Down", BUSY), DependencyExhausted),
        (http("507 Insufficient Storage", FULL), DependencyExhausted),
        (http("500 Internal Server Error", b"secret words"), DependencyUnavailable),
        (b"\0\0\0 no HTTP at all\r\n\r\n", DependencyUnavailable),
    ],
)
async def test_each_refusal_has_its_error(
    s3_server: S3Server,
    executor: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    call: Call,
    answer: bytes,
    error: type[DependencyError],
) -> None:
    async with answering(answer) as port:
        place = s3_place(s3_server, executor, monkeypatch, port=port)
        with pytest.raises(error) as caught:
            await call(place.store)
    assert "secret" not in str(caught.value)


async def test_garbage_instead_of_a_picture_is_no_picture(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = http("200 OK", b"<html>", 'ETag: "x"', "Last-Modified: Wed, 21 Oct 2026 07:28:00 GMT")
    async with answering(answer) as port:
        place = s3_place(s3_server, executor, monkeypatch, port=port)
        assert await place.store.get(NOBODY, soon()) is None
        assert place.seen.outcomes == ["damaged", "damaged"]
        with pytest.raises(DependencyBroken):
            await listing(place.store)


async def test_a_picture_that_ends_early_is_no_picture(
    s3_server: S3Server, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = http("200 OK", b"x" * 80, 'ETag: "x"', "Last-Modified: Wed, 21 Oct 2026 07:28:00 GMT")
    async with answering(half[:-40]) as port:
        place = s3_place(s3_server, executor, monkeypatch, port=port)
        with pytest.raises(DependencyUnavailable):
            await place.store.get(NOBODY, soon())


def test_every_error_of_the_client_has_its_meaning() -> None:
    known = {
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, exceptions.BaseError)
    }
    unused = {"BaseError", "NotFoundError"}  # The base, and one replaced by FileNotFoundError.
    assert {kind.__name__ for kind in known} - unused <= {kind.__name__ for kind in ERRORS}
    for kind, meaning in ERRORS.items():
        assert type(failure_of(kind("text"))) is meaning


@pytest.mark.parametrize(
    ("url", "endpoint", "word"),
    [
        ("s3://", None, "IMAGE_STORE"),
        ("s3://Shop", None, "IMAGE_STORE"),
        ("s3://shop/../other", None, "IMAGE_STORE"),
        ("s3://shop//x", None, "IMAGE_STORE"),
        ("s3://key:secret@shop/x", None, "IMAGE_STORE"),
        ("gs://shop", None, "IMAGE_STORE"),
        ("s3://shop", "nonsense", "IMAGE_STORE_ENDPOINT"),
        ("s3://shop", "ftp://host", "IMAGE_STORE_ENDPOINT"),
        ("s3://shop", "http://host:port", "IMAGE_STORE_ENDPOINT"),
        ("s3://shop", "http://user:secret@host", "IMAGE_STORE_ENDPOINT"),
        ("s3://shop", "http://host/path", "IMAGE_STORE_ENDPOINT"),
    ],
)
def test_a_bad_address_is_refused_with_a_sentence(
    executor: ThreadPoolExecutor, url: str, endpoint: str | None, word: str
) -> None:
    with pytest.raises(ValueError) as caught:
        S3ImageStore(url, executor, endpoint=endpoint)
    assert str(caught.value).startswith(f"{word} is ")
    assert "secret" not in str(caught.value)
