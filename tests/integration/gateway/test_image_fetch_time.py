"""The guarded fetch: how long, how many at once, what stays behind, and the system's own parts."""

import asyncio
import ssl
import threading
import time
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
    Reason,
)
from retrieval.image_fetch.connecting import public_tls
from retrieval.image_fetch.resolving import SystemResolver
from tests.integration.gateway.image_fetching import CONTENT, URI, failure, fetch
from tests.support.internet import (
    PUBLIC,
    PUBLIC_TOO,
    Internet,
    redirects,
    sends,
)


@pytest.fixture
def internet() -> Internet:
    return Internet()


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
