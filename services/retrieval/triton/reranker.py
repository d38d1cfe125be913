"""The second stage of a bundle, behind Triton's gRPC API."""

from functools import partial
from typing import Final

import numpy as np

from retrieval.breaker import Breaker
from retrieval.bundle import RERANKER, Bundle, model_name
from retrieval.domain import (
    Deadline,
    F32Array,
    FloatArray,
    I64Array,
    Observe,
    Trace,
    ignore_observation,
    ignore_trace,
)
from retrieval.retry_budget import RetryBudget
from retrieval.triton.answers import require_input, require_probabilities
from retrieval.triton.inference import Inference, Inputs

_OUTPUT: Final = "match_probability"


class TritonReranker:
    """The `Reranker` port over one Triton address, for one bundle that has a reranker.

    Searches can do without it, so it shares nothing with the three graphs that they cannot do
    without: what it suffers opens a breaker of its own, and a call, which carries the embeds of
    every candidate (0.7 MB each at full size), stands before no other on the wire.

    Make it inside the event loop that uses it, once for each process. Calls end, and are made once
    more, as those of `TritonEncoder`.

    Args:
        address: ``host:port`` of Triton's gRPC API, or another target of gRPC.
        bundle: whose reranker is called, under its own digest's name. Raises ValueError where it
            has none.
        max_in_flight: calls at a time.
        max_waiting: calls that may wait for one of those; more are refused.
        breaker: of its own.
        observe, trace: told of each call.
    """

    def __init__(
        self,
        address: str,
        bundle: Bundle,
        *,
        max_in_flight: int = 4,
        max_waiting: int = 16,
        breaker: Breaker | None = None,
        observe: Observe = ignore_observation,
        trace: Trace = ignore_trace,
    ) -> None:
        if bundle.reranker is None:
            raise ValueError(f"the bundle {bundle.short_digest} has no reranker")
        digest = bundle.reranker.digest
        self._inference = Inference(
            address,
            {RERANKER: model_name(RERANKER, digest)},
            digest,
            max_in_flight=max_in_flight,
            max_waiting=max_waiting,
            breaker=breaker,
            observe=observe,
            trace=trace,
        )
        self._sizes = bundle.sizes
        self._embeds_dtype = np.dtype(bundle.precision)
        self._retries = RetryBudget()

    async def match(
        self,
        reference: FloatArray,
        candidates: FloatArray,
        input_ids: I64Array,
        attention_mask: I64Array,
        deadline: Deadline,
    ) -> F32Array:
        """Probability [C] float32, 0 to 1, that each candidate answers one query; read-only.

        Args:
            reference: [P, W] in the bundle's precision.
            candidates: [C, P, W] alike, C being 1 or more: one call, however many.
            input_ids: [T] int64.
            attention_mask: [T] int64.
            deadline: for the call. Raises `DependencyError`.
        """
        image, text = (self._sizes.patches, self._sizes.vision_width), (self._sizes.text_length,)
        if len(candidates) == 0:
            raise ValueError("a reranker needs one candidate or more")
        inputs = {
            "reference_embeds": require_input(reference[None], self._embeds_dtype, image),
            "candidate_embeds": require_input(candidates, self._embeds_dtype, image)[None],
            "input_ids": require_input(input_ids[None], np.int64, text),
            "attention_mask": require_input(attention_mask[None], np.int64, text),
        }
        return await self._retries.twice(
            partial(self._match, inputs, len(candidates), deadline), deadline
        )

    async def check(self, deadline: Deadline) -> None:
        """Make one real inference. Raises `DependencyError`."""
        image = np.zeros((self._sizes.patches, self._sizes.vision_width), self._embeds_dtype)
        ids = np.zeros(self._sizes.text_length, np.int64)
        await self.match(image, image[None], ids, np.ones_like(ids), deadline)

    async def close(self) -> None:
        """Let abandoned calls end, then close the channel; other calls in flight fail."""
        await self._inference.close()

    async def _match(self, inputs: Inputs, candidates: int, deadline: Deadline) -> F32Array:
        with self._inference.observed(RERANKER, candidates) as span:
            answer = await self._inference.call(RERANKER, inputs, (_OUTPUT,), deadline, span)
            found: F32Array = require_probabilities(answer[_OUTPUT], (1, candidates))[0]
            return found
