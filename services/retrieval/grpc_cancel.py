"""A cancelled call of grpc.aio leaves nothing behind.

A unary call asks gRPC's core for all of its parts in one batch. grpc.aio frees what the batch
needed, and an answer that has come, when the task that waits for the batch goes on; a task that is
cancelled never does, and 1.2 KB outside of Python's heap stay for ever (grpc/grpc issue 43360, open
with two pull requests; grpcio 1.67 to 1.85). So the core alone is told here: that ends the batch
at once, and the waiting task goes on as it does after any other end.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Final

# Neither tritonclient nor qdrant-client takes a channel or an interceptor of ours, and the public
# `cancel` always cancels both. grpcio is pinned, and a test fails once the mend is not needed.
from grpc.aio import _call

_DETAILS: Final = "Cancelled by the application."
_Await = Callable[[Any], Generator[Any, None, Any]]


def mend_cancelling() -> None:
    """Make every unary call of grpc.aio in this process end whole; calling it again is harmless.

    A call that is cancelled, or whose awaiter is, is cancelled at the server too, as before.
    """
    unary: Any = _call.UnaryUnaryCall
    if "cancel" not in vars(unary):
        unary.__await__ = _awaiting(unary.__await__)
        unary.cancel = _cancel


def _cancel(call: Any) -> bool:
    """Whether the call was still running. In place of grpc.aio's, which cancels its task, too."""
    return bool(call._cancel(_DETAILS))


def _awaiting(await_ended: _Await) -> _Await:
    def wait(call: Any) -> Generator[Any, None, Any]:
        try:
            yield from asyncio.shield(call._call_response).__await__()
        except asyncio.CancelledError:
            call.cancel()
            raise
        return (yield from await_ended(call))

    return wait
