"""Searches that a gateway refuses since it has enough to do: asked again, as clients do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc

_PAUSE_S: Final = 0.1


async def until_admitted(ask: Callable[[], Awaitable[Any]]) -> Any:
    """The answer to a call of gRPC, made again while RESOURCE_EXHAUSTED is all that it gets.

    Raises grpc.aio.AioRpcError for whatever else it gets.
    """
    while True:
        try:
            return await ask()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
        await asyncio.sleep(_PAUSE_S)
