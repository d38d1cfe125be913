"""A server of grpc.aio that takes in several calls a turn of the event loop.

grpc.aio asks gRPC's core for one call, and for the next a turn of the loop later. Under more load
than a gateway can bear a turn takes milliseconds, so that calls queue in the core before they can
be admitted or refused: with 290 calls a second a refusal took 290 ms (p99), where REST's took 22.
So as many are asked for as may come in a turn.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, cast

import grpc

# What is here of grpc.aio's inner parts is what its own loop calls. grpcio is pinned, and tests
# speak to this server alone: another version that has no such parts fails them at once.
from grpc._cython import cygrpc
from grpc.aio import _server

_MORE: Final = 15
"""Beside the one that grpc.aio asks for."""


def prompt_server(
    interceptors: Sequence[Any], options: Sequence[tuple[str, int]]
) -> grpc.aio.Server:
    """A server that is grpc.aio's otherwise. Must be made on a running event loop.

    Args:
        interceptors: a grpc.aio.ServerInterceptor each.
        options: gRPC's channel arguments.
    """
    return cast(grpc.aio.Server, _PromptServer(interceptors, options))


class _PromptServer(_server.Server):
    def __init__(self, interceptors: Sequence[Any], options: Sequence[tuple[str, int]]) -> None:
        super().__init__(None, (), interceptors, options, None, None)
        self._handlers: list[grpc.GenericRpcHandler] = []  # type: ignore[type-arg]
        self._interceptors = tuple(interceptors)
        self._intake: list[asyncio.Task[None]] = []

    def add_generic_rpc_handlers(
        self,
        generic_rpc_handlers: Sequence[grpc.GenericRpcHandler],  # type: ignore[type-arg]
    ) -> None:
        """Before the start, as grpc.aio's."""
        super().add_generic_rpc_handlers(generic_rpc_handlers)
        self._handlers.extend(generic_rpc_handlers)

    async def start(self) -> None:
        """Serve; once."""
        await super().start()
        self._intake = [asyncio.create_task(self._take_in()) for _ in range(_MORE)]

    async def stop(self, grace: float | None) -> None:
        """As grpc.aio's: take in nothing more, and give what is in flight ``grace`` seconds."""
        await super().stop(grace)
        if self._intake:
            await asyncio.wait(self._intake)

    async def _take_in(self) -> None:
        loop = asyncio.get_running_loop()
        while self._server.is_running():
            try:
                state = await self._server._request_call()
            except cygrpc._RequestCallError:  # the server stops
                return
            call = cygrpc._handle_rpc(self._handlers, self._interceptors, state, loop, False)
            # Holds the call's task, and listens for its caller giving up.
            asyncio.create_task(cygrpc._schedule_rpc_coro(call, state, loop))  # noqa: RUF006
