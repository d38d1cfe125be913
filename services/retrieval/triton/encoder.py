"""The three graphs of a bundle, behind Triton's gRPC API."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.breaker import Breaker
from retrieval.bundle import GRAPHS, Bundle, model_name
from retrieval.domain import (
    Deadline,
    F32Array,
    FloatArray,
    I64Array,
    ImageEmbeddings,
    Observe,
    Trace,
    ignore_observation,
    ignore_trace,
)
from retrieval.retry_budget import RetryBudget
from retrieval.triton.answers import require_embeddings, require_features, require_input
from retrieval.triton.inference import Inference, Inputs


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
        self._inference = Inference(
            address,
            {graph: model_name(graph, bundle.digest) for graph in GRAPHS},
            bundle.digest,
            max_in_flight=max_in_flight,
            max_waiting=max_waiting,
            breaker=breaker,
            observe=observe,
            trace=trace,
        )
        self._sizes = bundle.sizes
        self._embeds_dtype = np.dtype(bundle.precision)
        self._retries = RetryBudget()

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
        await self._inference.close()

    def _text_inputs(self, input_ids: I64Array, attention_mask: I64Array) -> dict[str, I64Array]:
        shape = (self._sizes.text_length,)
        return {
            "input_ids": require_input(input_ids, np.int64, shape),
            "attention_mask": require_input(attention_mask, np.int64, shape),
        }

    async def _pictures(self, pixel_values: F32Array, deadline: Deadline) -> list[Inputs]:
        side = self._sizes.image_size
        pixels = require_input(pixel_values, np.float32, (3, side, side))
        return await self._parts("image_encoder", {"pixel_values": pixels}, deadline)

    async def _images(self, part: Inputs, deadline: Deadline) -> ImageEmbeddings:
        sizes, batch = self._sizes, part["pixel_values"].shape[0]
        with self._inference.observed("image_encoder", batch) as span:
            outputs = ("image_embeds", "image_tokens")
            answer = await self._inference.call("image_encoder", part, outputs, deadline, span)
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

    async def _gallery(self, part: Inputs, deadline: Deadline) -> F32Array:
        sizes, batch = self._sizes, part["pixel_values"].shape[0]
        with self._inference.observed("image_encoder", batch) as span:
            answer = await self._inference.call(
                "image_encoder", part, ("image_tokens",), deadline, span
            )
            shape = (batch, sizes.query_tokens, sizes.embed_dim)
            return require_embeddings(answer["image_tokens"], shape)

    async def _queries(self, graph: str, inputs: Inputs, deadline: Deadline) -> F32Array:
        return _joined(
            [
                await self._retries.twice(partial(self._query, graph, part, deadline), deadline)
                for part in await self._parts(graph, inputs, deadline)
            ]
        )

    async def _query(self, graph: str, part: Inputs, deadline: Deadline) -> F32Array:
        batch = part["input_ids"].shape[0]
        with self._inference.observed(graph, batch) as span:
            answer = await self._inference.call(graph, part, ("query_embedding",), deadline, span)
            shape = (batch, self._sizes.embed_dim)
            return require_embeddings(answer["query_embedding"], shape)

    async def _parts(self, graph: str, inputs: Inputs, deadline: Deadline) -> list[Inputs]:
        """Views of the inputs, each of a batch size that the model's configuration allows."""
        lengths = {array.shape[0] for array in inputs.values()}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"{graph} needs one batch size of 1 or more, got {sorted(lengths)}")
        total = lengths.pop()
        if total == 1:
            return [inputs]
        step = await self._inference.batch_limit(graph, total, deadline)
        return [
            {name: array[start : start + step] for name, array in inputs.items()}
            for start in range(0, total, step)
        ]


def _joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
