"""Inference calls to published models: bounded, guarded, observed, cancelled where that is safe.

Source of the protocol: the Open Inference Protocol (https://github.com/kserve/open-inference-protocol)
and Triton's extensions of it (https://github.com/triton-inference-server/server, docs/protocol).
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import np_to_triton_dtype

from retrieval.breaker import Breaker, BreakerOpen
from retrieval.domain import Deadline, Observe, Span, Trace
from retrieval.errors import (
    DependencyBroken,
    DependencyError,
    DependencyTimeout,
    DependencyUnavailable,
)
from retrieval.grpc_cancel import mend_cancelling
from retrieval.permits import Permits
from retrieval.triton.answers import DEPENDENCY, OUTCOMES, SERVICE, call_attributes
from retrieval.triton.connection import TritonConnection, translated

# Older Tritons die of a segmentation fault when a gRPC call ends, by a cancel or by its deadline,
# in the moment in which its answer is made (triton-inference-server/server issues 7368 and 8034,
# mended in 25.04): seen here once in about 9,000 cancelled calls.
_CANCEL_SAFE_VERSION: Final = (2, 57)
_ABANDONED_GRACE_S: Final = 2.0

Inputs: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays by the names of a graph's inputs."""


class Inference:
    """Calls of some graphs over a connection of their own.

    Make it inside the event loop that uses it, once for each process. A cancelled or overdue call
    ends at once here. It is cancelled at the server too, where the server can bear that; otherwise
    it keeps its permit until the server is done with it.

    Args:
        address: ``host:port`` of Triton's gRPC API, or another target of gRPC.
        models: the graphs, and the names of the models that they are published as.
        digest: of what these models are, for traces.
        max_in_flight: calls at a time, for each graph.
        max_waiting: calls that may wait for one of those, for each graph; more are refused.
        breaker: over all of these graphs.
        observe, trace: told of each call.
    """

    def __init__(
        self,
        address: str,
        models: Mapping[str, str],
        digest: str,
        *,
        max_in_flight: int,
        max_waiting: int,
        breaker: Breaker | None,
        observe: Observe,
        trace: Trace,
    ) -> None:
        mend_cancelling()
        self._connection = TritonConnection(address)
        self._models = models
        self._permits = {
            graph: Permits(DEPENDENCY, in_flight=max_in_flight, waiting=max_waiting)
            for graph in models
        }
        self._breaker = breaker or Breaker()
        self._batch_limits: dict[str, int] = {}
        self._cancel_safe: bool | None = None  # not known before the server was asked
        self._calls: set[asyncio.Task[Any]] = set()
        self._observe = observe
        self._trace = trace
        self._told = {
            graph: call_attributes(address, graph, name, digest) for graph, name in models.items()
        }

    async def close(self) -> None:
        """Let abandoned calls end, then close the channel; other calls in flight fail."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=_ABANDONED_GRACE_S)
        await self._connection.close()

    @contextmanager
    def observed(self, graph: str, batch: int, method: str = "ModelInfer") -> Iterator[Span]:
        """One call and what is made of its answer; not begun where the breaker is open."""
        call = f"{SERVICE}/{method}"
        attributes = {**self._told[graph], "rpc.method": call, "recompose.batch_size": batch}
        started, outcome = time.monotonic(), "error"
        try:
            with (
                self._breaker.guards(DEPENDENCY),
                self._trace(call, attributes, calls_out=True) as span,
            ):
                yield span
            outcome = "ok"
            self._connection.renewal.answered()
        except BreakerOpen:
            outcome = "open"
            raise
        except DependencyError as error:
            outcome = OUTCOMES[type(error)]
            if isinstance(error, DependencyTimeout):
                self._connection.renewal.unanswered(started)
            if isinstance(error, DependencyBroken | DependencyUnavailable):
                # Perhaps another server, or a model with a smaller batch: ask again.
                self._cancel_safe = None
                self._batch_limits.clear()
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._observe(DEPENDENCY, outcome, time.monotonic() - started)

    async def call(
        self,
        graph: str,
        inputs: Inputs,
        outputs: tuple[str, ...],
        deadline: Deadline,
        span: Span,
    ) -> dict[str, NDArray[Any] | None]:
        """One inference call, inside `observed`; the arrays lie over the bytes as they came.

        Raises `DependencyError`.
        """
        if self._cancel_safe is None:
            self._cancel_safe = await self._ask_cancel_safe(deadline)
        permits = self._permits[graph]
        await permits.acquire(deadline)
        call = asyncio.create_task(self._send(graph, inputs, outputs, deadline, span.headers()))
        self._calls.add(call)
        call.add_done_callback(lambda done: self._ended(done, permits))
        if self._cancel_safe:
            result = await call
        else:
            try:
                async with asyncio.timeout(deadline.remaining_s()):
                    result = await asyncio.shield(call)
            except TimeoutError:
                raise DependencyTimeout(dependency=DEPENDENCY) from None
        try:
            return {name: result.as_numpy(name) for name in outputs}
        except ValueError as error:  # fewer or more bytes than the shape says
            raise DependencyBroken(dependency=DEPENDENCY) from error

    async def batch_limit(self, graph: str, batch: int, deadline: Deadline) -> int:
        """How many rows a call may have, by the model's configuration. Raises `DependencyError`."""
        if graph not in self._batch_limits:
            with self.observed(graph, batch, "ModelConfig") as span:
                call = self._connection.client.get_model_config(
                    self._models[graph],
                    headers=span.headers(),
                    client_timeout=deadline.remaining_s(),
                )
                self._batch_limits[graph] = max(1, (await translated(call)).config.max_batch_size)
        return self._batch_limits[graph]

    async def _send(
        self,
        graph: str,
        inputs: Inputs,
        outputs: tuple[str, ...],
        deadline: Deadline,
        headers: dict[str, str],
    ) -> InferResult:
        remaining_s = deadline.remaining_s()
        if remaining_s <= 0:
            raise DependencyTimeout(dependency=DEPENDENCY)
        answer: InferResult = await translated(
            self._connection.client.infer(
                self._models[graph],
                [_tensor(name, array) for name, array in inputs.items()],
                outputs=[InferRequestedOutput(name) for name in outputs],
                headers=headers,
                # The second ends the call, the first its entry in the server's queue.
                timeout=max(1, int(remaining_s * 1e6)),
                client_timeout=remaining_s + (0 if self._cancel_safe else _ABANDONED_GRACE_S),
            )
        )
        return answer

    async def _ask_cancel_safe(self, deadline: Deadline) -> bool:
        call = self._connection.client.get_server_metadata(client_timeout=deadline.remaining_s())
        version = (await translated(call)).version.split(".")
        return [int(part) for part in version[:2] if part.isdecimal()] >= [*_CANCEL_SAFE_VERSION]

    def _ended(self, call: asyncio.Task[Any], permits: Permits) -> None:
        self._calls.discard(call)
        permits.release()
        if not call.cancelled():
            call.exception()  # of an abandoned call nobody else would ask for it


def _tensor(name: str, array: NDArray[Any]) -> InferInput:
    tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array)
    return tensor
