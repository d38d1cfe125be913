"""A connection to Triton's gRPC API: its options, its replacement, its errors as ours."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from retrieval.errors import DependencyError
from retrieval.renewal import Close, Renewal
from retrieval.triton.answers import DEPENDENCY, STATUS_ERRORS, error_of

_MAX_MESSAGE_BYTES: Final = 256 * 1024 * 1024
_CHANNEL_OPTIONS: Final = [
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    # A restarted server is found again in about a second; gRPC's own default is up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A peer that vanished without a word is noticed while calls wait for it.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # With a name that has several addresses (a headless service) calls go to all of them.
    ("grpc.lb_policy_name", "round_robin"),
    # A second channel has connections of its own, or it could replace nothing.
    ("grpc.use_local_subchannel_pool", 1),
]
_TRIAL_S: Final = 1.0
_Answer = TypeVar("_Answer")


def connect(address: str) -> InferenceServerClient:
    """A client of the server at ``host:port``, or another target of gRPC."""
    return InferenceServerClient(address, channel_args=_CHANNEL_OPTIONS)


class TritonConnection:
    """A client that is replaced where it is answered no more.

    Make it inside the event loop that uses it, once for each process: a client made for each
    call leaks.

    Attributes:
        client: to make the next call with.
        renewal: to be told how each call ended.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self.client = connect(address)
        self.renewal = Renewal(self._replace)

    async def close(self) -> None:
        """Close the channel; calls in flight fail."""
        await self.renewal.close()
        await self.client.close()

    async def _replace(self) -> Close | None:
        trial = connect(self._address)
        taken = False
        try:
            taken = await translated(trial.is_server_live(client_timeout=_TRIAL_S))
        except DependencyError:
            return None
        finally:
            if not taken:
                await trial.close()
        if not taken:
            return None
        old, self.client = self.client, trial

        async def close() -> None:
            await old.close()

        return close


async def translated(call: Awaitable[_Answer]) -> _Answer:
    """Await a call of the client; its errors become ours."""
    try:
        return await call
    except InferenceServerException as error:
        raise error_of(error.status(), error.message())(dependency=DEPENDENCY) from error
    except asyncio.CancelledError as error:
        # grpc.aio turns a CANCELLED that the server sent into asyncio's own CancelledError,
        # which would silently end a task that nobody cancelled.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise STATUS_ERRORS["CANCELLED"](dependency=DEPENDENCY) from error
