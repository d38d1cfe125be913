"""The `Reranker` port without a model: random projections, the same for equal inputs."""

import asyncio

import numpy as np

from retrieval.bundle import Bundle
from retrieval.domain import Deadline, F32Array, FloatArray, I64Array
from retrieval.errors import DependencyTimeout, RecomposeError
from tests.support.fake_encoder import BUNDLE

_HIDDEN = 16


class FakeReranker:
    """Judges each candidate by reference, text and its own embeds, whatever else is in the call.

    Rerankers of two seeds are two models.

    Attributes:
        calls: how many candidates each call had.
        at_once: the most calls that were in flight at the same time.
        failure: raised by each call, where set.
        takes_s: how long a call takes; one that has less time left times out.
        same: what is said of every candidate, where set.
    """

    def __init__(self, bundle: Bundle = BUNDLE, *, seed: int = 11) -> None:
        self.calls: list[int] = []
        self.at_once = 0
        self.failure: RecomposeError | None = None
        self.takes_s = 0.0
        self.same: float | None = None
        self._running = 0
        self._sizes = bundle.sizes
        self._dtype = np.dtype(bundle.precision)
        random = np.random.default_rng(seed)
        flat = bundle.sizes.patches * bundle.sizes.vision_width
        self._from_reference = random.normal(size=(flat, _HIDDEN)) / flat**0.5
        self._from_candidate = random.normal(size=(flat, _HIDDEN)) / flat**0.5
        self._from_words = random.normal(size=(bundle.sizes.text_length, _HIDDEN))

    async def match(
        self,
        reference: FloatArray,
        candidates: FloatArray,
        input_ids: I64Array,
        attention_mask: I64Array,
        deadline: Deadline,
    ) -> F32Array:
        self._require(reference, candidates, input_ids, attention_mask)
        self.calls.append(len(candidates))
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        try:
            left_s = deadline.remaining_s()
            await asyncio.sleep(min(self.takes_s, left_s))
            if self.takes_s > left_s or not left_s:
                raise DependencyTimeout(dependency="triton")
            if self.failure is not None:
                raise self.failure
        finally:
            self._running -= 1
        if self.same is not None:
            return np.full(len(candidates), self.same, np.float32)
        words = np.sin(input_ids) * attention_mask @ self._from_words
        asked = np.sin(reference.ravel() @ self._from_reference + words)  # no word is drowned out
        shown = np.tanh(candidates.reshape(len(candidates), -1) @ self._from_candidate)
        found: F32Array = (1 / (1 + np.exp(-shown @ asked))).astype(np.float32)
        return found

    def _require(
        self, reference: FloatArray, candidates: FloatArray, ids: I64Array, mask: I64Array
    ) -> None:
        image, text = (self._sizes.patches, self._sizes.vision_width), (self._sizes.text_length,)
        embeds = reference.shape == image and candidates.shape[1:] == image and len(candidates)
        types = {reference.dtype, candidates.dtype} == {self._dtype}
        words = ids.shape == mask.shape == text and ids.dtype == mask.dtype == np.int64
        if not (embeds and types and words):
            raise ValueError("not the shapes and types of the bundle")
