"""The `Reranker` port without a model: a random projection, the same for equal inputs."""

import asyncio

import numpy as np

from retrieval.domain import Deadline, F32Array, FloatArray, I64Array
from retrieval.errors import DependencyTimeout, RecomposeError
from tests.support.fake_encoder import SIZES


class FakeReranker:
    """Judges each candidate by reference, text and its own embeds, whatever else is in the call.

    Attributes:
        calls: how many candidates each call had.
        at_once: the most calls that were in flight at the same time.
        failure: raised by each call, where set.
        takes_s: how long a call takes; one that has less time left times out.
        same: what is said of every candidate, where set.
    """

    def __init__(self, seed: int = 7) -> None:
        self.calls: list[int] = []
        self.at_once = 0
        self.failure: RecomposeError | None = None
        self.takes_s = 0.0
        self.same: float | None = None
        self._running = 0
        random = np.random.default_rng(seed)
        embeds = SIZES.patches * SIZES.vision_width
        self._of_reference = random.normal(size=embeds)
        self._of_candidate = random.normal(size=embeds)
        self._of_text = random.normal(size=SIZES.text_length)

    async def match(
        self,
        reference: FloatArray,
        candidates: FloatArray,
        input_ids: I64Array,
        attention_mask: I64Array,
        deadline: Deadline,
    ) -> F32Array:
        self.calls.append(len(candidates))
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        try:
            left_s = deadline.remaining_s()
            await asyncio.sleep(min(self.takes_s, left_s))
            if self.takes_s > left_s:
                raise DependencyTimeout(dependency="triton")
            if self.failure is not None:
                raise self.failure
        finally:
            self._running -= 1
        if self.same is not None:
            return np.full(len(candidates), self.same, np.float32)
        asked = reference.reshape(-1) @ self._of_reference
        asked += (input_ids * attention_mask) @ self._of_text
        shown = candidates.reshape(len(candidates), -1) @ self._of_candidate
        found: F32Array = (0.5 + np.sin(asked + shown) / 2).astype(np.float32)
        return found
