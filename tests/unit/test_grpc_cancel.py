"""Calls of grpc.aio that are given up: they end at the server too, and keep nothing here."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc.aio import _call

from retrieval.grpc_cancel import mend_cancelling
from tests.support.cancelled_calls import METHOD

ROOT = Path(__file__).resolve().parents[2]
KEPT_BYTES = 100
"""Of a mended call: 0 to 30 by chance of the allocator's. Of one as it comes 1,170 stay."""


class Server:
    """Answers ``b"answer"`` with its request, refuses ``b"refuse"``, and is at work for ever
    otherwise."""

    def __init__(self) -> None:
        self.address = ""
        self.working = 0
        self.cancelled = 0
        self._changed = asyncio.Condition()

    async def wait(self, request: bytes, context: Any) -> bytes:
        if request == b"refuse":
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "refused")
        if request == b"answer":
            return request
        try:
            await self._count(working=1)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await self._count(working=-1, cancelled=1)
            raise
        return b""

    async def until(self, *, working: int, cancelled: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(
                lambda: (self.working, self.cancelled) == (working, cancelled)
            )

    async def _count(self, working: int, cancelled: int = 0) -> None:
        async with self._changed:
            self.working += working
            self.cancelled += cancelled
            self._changed.notify_all()


class Passing(grpc.aio.UnaryUnaryClientInterceptor):
    """Changes nothing. qdrant-client has one, and its calls take another way then."""

    async def intercept_unary_unary(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        return await continuation(client_call_details, request)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server, grpc_server = Server(), grpc.aio.server()
    _, service, name = METHOD.split("/")
    handler = grpc.unary_unary_rpc_method_handler(server.wait)
    generic = grpc.method_handlers_generic_handler(service, {name: handler})
    grpc_server.add_generic_rpc_handlers((generic,))
    server.address = f"127.0.0.1:{grpc_server.add_insecure_port('127.0.0.1:0')}"
    await grpc_server.start()
    try:
        yield server
    finally:
        await grpc_server.stop(None)


@contextmanager
def mended() -> Iterator[None]:
    """Mended twice, and as it comes afterwards, unless another test has mended it before."""
    unary: Any = _call.UnaryUnaryCall
    as_it_was = {name: vars(unary).get(name) for name in ("cancel", "__await__")}
    mend_cancelling()
    mend_cancelling()
    try:
        yield
    finally:
        for name, method in as_it_was.items():
            if method is None:
                delattr(unary, name)
            else:
                setattr(unary, name, method)


@pytest.fixture(params=[(), (Passing(),)], ids=["plain", "intercepted"])
async def called(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Server, Any]]:
    """A server, and its method over a channel with and without an interceptor."""
    with mended():
        async with (
            serving() as server,
            grpc.aio.insecure_channel(server.address, interceptors=request.param) as channel,
        ):
            yield server, channel.unary_unary(METHOD)


async def test_answers_and_refusals_pass_as_they_come(called: tuple[Server, Any]) -> None:
    _, method = called
    call = method(b"answer")
    assert await call == b"answer"
    assert await call == b"answer"
    assert await call.code() is grpc.StatusCode.OK
    assert not call.cancel()
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await method(b"refuse")
    assert refusal.value.code() is grpc.StatusCode.OUT_OF_RANGE
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await method(b"", timeout=0.05)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_cancelled_awaiter_ends_the_call_at_the_server(called: tuple[Server, Any]) -> None:
    server, method = called
    waiting = asyncio.create_task(_awaited(method))
    await server.until(working=1, cancelled=0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await server.until(working=0, cancelled=1)


async def test_a_timeout_around_a_call_is_one(called: tuple[Server, Any]) -> None:
    server, method = called
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await method(b"")
    await server.until(working=0, cancelled=1)


async def test_a_cancelled_call_ends_at_the_server_and_for_its_awaiter(
    called: tuple[Server, Any],
) -> None:
    server, method = called
    call = method(b"")
    waiting = asyncio.create_task(_until_ended(call))
    await server.until(working=1, cancelled=0)
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 10)
    assert call.cancelled()
    assert call.done()
    assert not call.cancel()
    await server.until(working=0, cancelled=1)


async def test_calls_cancelled_as_they_are_answered_leave_no_task(
    called: tuple[Server, Any],
) -> None:
    _, method = called
    await method(b"answer")
    for step in range(40):
        waiting = asyncio.create_task(_awaited(method, b"answer"))
        for _ in range(step):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled() or waiting.result() == b"answer"
    if ending := {task for task in asyncio.all_tasks() if _of_a_call(task)}:
        _, pending = await asyncio.wait(ending, timeout=10)
        assert not pending


async def test_a_closed_channel_ends_its_calls(called: tuple[Server, Any]) -> None:
    server, _ = called
    channel = grpc.aio.insecure_channel(server.address)
    waiting = asyncio.create_task(_awaited(channel.unary_unary(METHOD)))
    await server.until(working=1, cancelled=0)
    await channel.close()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 10)
    await server.until(working=0, cancelled=1)


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
async def test_nothing_stays_of_a_cancelled_call() -> None:
    async with serving() as server:
        assert await bytes_a_call(server) < KEPT_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
async def test_the_mend_is_still_needed() -> None:
    """Where this fails, gRPC is mended itself: `retrieval.grpc_cancel` can go."""
    async with serving() as server:
        assert await bytes_a_call(server, "--as-it-is") > 5 * KEPT_BYTES


async def bytes_a_call(server: Server, *options: str) -> float:
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "services"), str(ROOT)])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.cancelled_calls", server.address, *options),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return float(printed)


async def _awaited(method: Any, request: bytes = b"") -> Any:
    return await method(request)


async def _until_ended(call: Any) -> Any:
    return await call


def _of_a_call(task: "asyncio.Task[Any]") -> bool:
    return "UnaryUnaryCall" in repr(task.get_coro())
