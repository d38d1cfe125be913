"""The gRPC server takes in calls that came together in few turns of the event loop."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.grpc_intake import prompt_server

_CALLS = 32


class Health(health_pb2_grpc.HealthServicer):
    """Counts the turns of the loop between the first and the last call that it answers."""

    def __init__(self) -> None:
        self.turn, self.seen = 0, list[int]()

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: object
    ) -> health_pb2.HealthCheckResponse:
        self.seen.append(self.turn)
        return health_pb2.HealthCheckResponse()

    async def count_turns(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1


def _plain() -> grpc.aio.Server:
    return grpc.aio.server()


def _prompt() -> grpc.aio.Server:
    return prompt_server([], [])


async def _turns(make: Callable[[], grpc.aio.Server]) -> int:
    """How many turns it takes to begin with calls that have come while the loop stood still."""
    server, health = make(), Health()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, ThreadPoolExecutor(_CALLS) as pool:
        check = health_pb2_grpc.HealthStub(channel).Check
        await asyncio.to_thread(check, health_pb2.HealthCheckRequest(), timeout=10)
        health.seen.clear()
        asked = [
            pool.submit(check, health_pb2.HealthCheckRequest(), timeout=10) for _ in range(_CALLS)
        ]
        time.sleep(0.5)  # noqa: ASYNC251  a step that holds up the loop, while all of them come
        counting = asyncio.create_task(health.count_turns())
        await asyncio.gather(*(asyncio.wrap_future(one) for one in asked))
        counting.cancel()
    await server.stop(None)
    return max(health.seen) - min(health.seen)


async def test_calls_that_came_together_begin_within_few_turns() -> None:
    plain = await _turns(_plain)
    # On a busy machine some of the calls may come only after the loop has gone on.
    assert min([await _turns(_prompt) for _ in range(3)]) < plain / 3


@pytest.mark.parametrize("grace", [None, 5.0])
async def test_a_stopped_server_waits_for_no_more_calls(grace: float | None) -> None:
    server, health = _prompt(), Health()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    before = asyncio.all_tasks()
    await asyncio.wait_for(server.stop(grace), 5)
    assert len(before) > len(asyncio.all_tasks()) == 1
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert told.value.code() is grpc.StatusCode.UNAVAILABLE
