"""The three graphs of a bundle, behind Triton's gRPC API.

Source of the protocol: the Open Inference Protocol (https://github.com/kserve/open-inference-protocol)
and Triton's extensions of it (https://github.com/triton-inference-server/server, docs/protocol).
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import np_to_triton_dtype

from retrieval.breaker import Breaker, BreakerOpen
from retrieval.bundle import GRAPHS, Bundle, model_name
from retrieval.domain import (
    Deadline,
    F32Array,
    FloatArray,
    I64Array,
    ImageEmbeddings,
    Observe,
    Span,
    Trace,
    ignore_observation,
    ignore_trace,
)
from retrieval.errors import (
    DependencyBroken,
    DependencyError,
    DependencyTimeout,
    DependencyUnavailable,
)
from retrieval.grpc_cancel import mend_cancelling
from retrieval.permits import Permits
from retrieval.retry_budget import RetryBudget
from retrieval.triton.answers import (
    DEPENDENCY,
    OUTCOMES,
    SERVICE,
    call_attributes,
    require_embeddings,
    require_features,
    require_input,
)
from retrieval.triton.connection import TritonConnection, translated

# Older Tritons die of a segmentation fault when a gRPC call ends, by a cancel or by its deadline,
# in the moment in which its answer is made (triton-inference-server/server issues 7368 and 8034,
# mended in 25.04): seen here once in about 9,000 cancelled calls.
_CANCEL_SAFE_VERSION: Final = (2, 57)
_ABANDONED_GRACE_S: Final = 2.0
_Inputs: TypeAlias = Mapping[str, NDArray[Any]]


class TritonEncoder:
    """The `Encoder` port over one Triton address, for one bundle.

    Make it inside the event loop that uses it, once for each process. A cancelled or overdue call
    ends at once here. It is cancelled at the server too, where the server can bear that; otherwise
    it keeps its permit until the server is done with it.
    A call that finds no server, or whose server goes away, is made once more: where the address
    stands for several servers, another one answers. Where none answers, a breaker soon refuses in
    its stead.

    Args:
        address: ``host:port`` of Triton's gRPC API, or another target of gRPC.
        bundle: whose three published models are called, under their digest's names.
        max_in_flight: calls at a time, for each graph: pictures do not hold up texts.
        max_waiting: calls that may wait for one of those, for each graph; more are refused.
        breaker: over all three graphs.
        observe, trace: told of each call.
    """

    def __init__(
        self,
        address: str,
        bundle: Bundle,
        *,
        max_in_flight: int = 32,
        max_waiting: int = 64,
        breaker: Breaker | None = None,
        observe: Observe = ignore_observation,
        trace: Trace = ignore_trace,
    ) -> None:
        mend_cancelling()
        self._connection = TritonConnection(address)
        self._sizes = bundle.sizes
        self._embeds_dtype = np.dtype(bundle.precision)
        self._names = {graph: model_name(graph, bundle.digest) for graph in GRAPHS}
        self._permits = {
            graph: Permits(DEPENDENCY, in_flight=max_in_flight, waiting=max_waiting)
            for graph in GRAPHS
        }
        self._retries = RetryBudget()
        self._breaker = breaker or Breaker()
        self._batch_limits: dict[str, int] = {}
        self._cancel_safe: bool | None = None  # not known before the server was asked
        self._calls: set[asyncio.Task[Any]] = set()
        self._observe = observe
        self._trace = trace
        self._told = {
            graph: call_attributes(address, graph, name, bundle.digest)
            for graph, name in self._names.items()
        }

    async def encode_images(self, pixel_values: F32Array, deadline: Deadline) -> ImageEmbeddings:
        """Embed pictures.

        Args:
            pixel_values: [B, 3, S, S] float32, out of `targetpad`.
            deadline: for the whole batch, however many calls it takes.

        Returns:
            Read-only arrays: embeds [B, P, W] in the bundle's precision, tokens [B, K, D]
            float32, L2-normalised. Raises `DependencyError`.
        """
        embeds, tokens = [], []
        for part in await self._pictures(pixel_values, deadline):
            answer = await self._retries.twice(partial(self._images, part, deadline), deadline)
            embeds.append(answer.embeds)
            tokens.append(answer.tokens)
        return ImageEmbeddings(embeds=_joined(embeds), tokens=_joined(tokens))

    async def encode_gallery(self, pixel_values: F32Array, deadline: Deadline) -> F32Array:
        """Tokens [B, K, D] float32 of pictures, L2-normalised, read-only; arguments and errors
        are those of `encode_images`.

        The embeds, 22 times as large in the published model, are not even sent.
        """
        return _joined(
            [
                await self._retries.twice(partial(self._gallery, part, deadline), deadline)
                for part in await self._pictures(pixel_values, deadline)
            ]
        )

    async def compose(
        self,
        image_embeds: FloatArray,
        input_ids: I64Array,
        attention_mask: I64Array,
        deadline: Deadline,
    ) -> F32Array:
        """Composed queries: [B, D] float32, L2-normalised, read-only.

        Args:
            image_embeds: [B, P, W] in the bundle's precision.
            input_ids: [B, T] int64.
            attention_mask: [B, T] int64.
            deadline: for the whole batch. Raises `DependencyError`.
        """
        shape = (self._sizes.patches, self._sizes.vision_width)
        embeds = require_input(image_embeds, self._embeds_dtype, shape)
        texts = self._text_inputs(input_ids, attention_mask)
        return await self._queries("fusion_encoder", {"image_embeds": embeds, **texts}, deadline)

    async def encode_texts(
        self, input_ids: I64Array, attention_mask: I64Array, deadline: Deadline
    ) -> F32Array:
        """Text-only queries: [B, D] float32, L2-normalised, read-only, from texts [B, T] int64.

        Raises `DependencyError`.
        """
        texts = self._text_inputs(input_ids, attention_mask)
        return await self._queries("text_encoder", texts, deadline)

    async def check(self, deadline: Deadline) -> None:
        """Make one real inference with each graph. Raises `DependencyError`.

        Triton's own readiness can say yes over HTTP while gRPC hangs, and says nothing of NaN.
        """
        side = self._sizes.image_size
        ids = np.zeros((1, self._sizes.text_length), np.int64)
        mask = np.ones_like(ids)
        image = await self.encode_images(np.zeros((1, 3, side, side), np.float32), deadline)
        await self.compose(image.embeds, ids, mask, deadline)
        await self.encode_texts(ids, mask, deadline)

    async def close(self) -> None:
        """Let abandoned calls end, then close the channel; other calls in flight fail."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=_ABANDONED_GRACE_S)
        await self._connection.close()

    def _text_inputs(self, input_ids: I64Array, attention_mask: I64Array) -> dict[str, I64Array]:
        shape = (self._sizes.text_length,)
        return {
            "input_ids": require_input(input_ids, np.int64, shape),
            "attention_mask": require_input(attention_mask, np.int64, shape),
        }

    async def _pictures(self, pixel_values: F32Array, deadline: Deadline) -> list[_Inputs]:
        side = self._sizes.image_size
        pixels = require_input(pixel_values, np.float32, (3, side, side))
        return await self._parts("image_encoder", {"pixel_values": pixels}, deadline)

    async def _images(self, part: _Inputs, deadline: Deadline) -> ImageEmbeddings:
        sizes, batch = self._sizes, part["pixel_values"].shape[0]
        with self._observed("ModelInfer", "image_encoder", batch) as span:
            outputs = ("image_embeds", "image_tokens")
            answer = await self._call("image_encoder", part, outputs, deadline, span)
            return ImageEmbeddings(
                embeds=require_features(
                    answer["image_embeds"],
                    self._embeds_dtype,
                    (batch, sizes.patches, sizes.vision_width),
                ),
                tokens=require_embeddings(
                    answer["image_tokens"], (batch, sizes.query_tokens, sizes.embed_dim)
                ),
            )

    async def _gallery(self, part: _Inputs, deadline: Deadline) -> F32Array:
        sizes, batch = self._sizes, part["pixel_values"].shape[0]
        with self._observed("ModelInfer", "image_encoder", batch) as span:
            answer = await self._call("image_encoder", part, ("image_tokens",), deadline, span)
            shape = (batch, sizes.query_tokens, sizes.embed_dim)
            return require_embeddings(answer["image_tokens"], shape)

    async def _queries(self, graph: str, inputs: _Inputs, deadline: Deadline) -> F32Array:
        return _joined(
            [
                await self._retries.twice(partial(self._query, graph, part, deadline), deadline)
                for part in await self._parts(graph, inputs, deadline)
            ]
        )

    async def _query(self, graph: str, part: _Inputs, deadline: Deadline) -> F32Array:
        batch = part["input_ids"].shape[0]
        with self._observed("ModelInfer", graph, batch) as span:
            answer = await self._call(graph, part, ("query_embedding",), deadline, span)
            shape = (batch, self._sizes.embed_dim)
            return require_embeddings(answer["query_embedding"], shape)

    async def _parts(self, graph: str, inputs: _Inputs, deadline: Deadline) -> list[_Inputs]:
        """Views of the inputs, each of a batch size that the model's configuration allows."""
        lengths = {array.shape[0] for array in inputs.values()}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"{graph} needs one batch size of 1 or more, got {sorted(lengths)}")
        total = lengths.pop()
        if total == 1:
            return [inputs]
        if graph not in self._batch_limits:
            with self._observed("ModelConfig", graph, total) as span:
                call = self._connection.client.get_model_config(
                    self._names[graph],
                    headers=span.headers(),
                    client_timeout=deadline.remaining_s(),
                )
                self._batch_limits[graph] = max(1, (await translated(call)).config.max_batch_size)
        step = self._batch_limits[graph]
        return [
            {name: array[start : start + step] for name, array in inputs.items()}
            for start in range(0, total, step)
        ]

    async def _call(
        self,
        graph: str,
        inputs: _Inputs,
        outputs: tuple[str, ...],
        deadline: Deadline,
        span: Span,
    ) -> dict[str, NDArray[Any] | None]:
        """One inference call; the arrays lie over the bytes as they came."""
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

    async def _send(
        self,
        graph: str,
        inputs: _Inputs,
        outputs: tuple[str, ...],
        deadline: Deadline,
        headers: dict[str, str],
    ) -> InferResult:
        remaining_s = deadline.remaining_s()
        if remaining_s <= 0:
            raise DependencyTimeout(dependency=DEPENDENCY)
        answer: InferResult = await translated(
            self._connection.client.infer(
                self._names[graph],
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

    @contextmanager
    def _observed(self, method: str, graph: str, batch: int) -> Iterator[Span]:
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


def _tensor(name: str, array: NDArray[Any]) -> InferInput:
    tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array)
    return tensor


def _joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
