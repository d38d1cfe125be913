"""Embeds of the pictures that products have, many at a time: what a second stage judges.

Each has the cache entry that it would have as a reference. What is missing is read, decoded, and
embedded in batches; several searches that need a picture share its computation.
"""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.embed_batches import EmbedBatches
from gateway.query_vectors import space_key
from gateway.reference_pictures import PictureReader, of_stored
from gateway.space import EmbeddingSpace
from gateway.together import together
from retrieval.bundle import Bundle
from retrieval.cache import AT_ONCE_BYTES
from retrieval.domain import Deadline, FloatArray, Trace, ignore_trace
from retrieval.permits import ByteRoom
from retrieval.ports import EmbeddingCache

_READ_AT_ONCE: Final = 8
"""A stored picture may take 75 MB once decoded, and several MB before."""
_STACKED_OFF_LOOP_BYTES: Final = 1 << 20


class CandidateSource(StrEnum):
    """Where a candidate's embeds came from; those that another search was computing count as
    cached."""

    CACHE = "cache"
    COMPUTED = "computed"


def ignore_source(source: CandidateSource) -> None:
    """The observer of callers that keep no metrics."""


def embeds_bytes(bundle: Bundle) -> int:
    """What the embeds of one picture take: 724 KB at full size in float16."""
    sizes = bundle.sizes
    return sizes.patches * sizes.vision_width * np.dtype(bundle.precision).itemsize


class CandidateEmbeds:
    """Brings the embeds of stored pictures."""

    def __init__(
        self,
        cache: EmbeddingCache,
        pictures: PictureReader,
        encoder_budget_s: float,
        embed_batch: int,
        *,
        count: Callable[[CandidateSource], None] = ignore_source,
        trace: Trace = ignore_trace,
    ) -> None:
        """At most ``embed_batch`` pictures go to the encoder in one inference, which
        ``encoder_budget_s`` bounds; ``count`` is told of each candidate, ``trace`` of the steps."""
        self._cache = cache
        self._pictures = pictures
        self._encoder_budget_s = encoder_budget_s
        self._batches = EmbedBatches(embed_batch, encoder_budget_s)
        self._lookups = ByteRoom(AT_ONCE_BYTES)
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)
        self._count = count
        self._trace = trace

    async def of(self, space: EmbeddingSpace, sha256s: Sequence[str]) -> FloatArray:
        """Embeds [C, P, W] of C stored pictures, in the bundle's precision.

        Raises `DependencyError` where one of them cannot be had.
        """
        with self._trace("embed candidates", {"recompose.candidates": len(sha256s)}):
            rows = await together(self._one(space, sha256) for sha256 in sha256s)
            if len(rows) * embeds_bytes(space.bundle) > _STACKED_OFF_LOOP_BYTES:
                return await asyncio.to_thread(_stacked, rows)
            return _stacked(rows)

    async def _one(self, space: EmbeddingSpace, sha256: str) -> FloatArray:
        picture = of_stored(sha256)
        source = CandidateSource.CACHE
        leave = await self._lookups.take(embeds_bytes(space.bundle))

        async def compute() -> FloatArray:
            nonlocal source
            source = CandidateSource.COMPUTED
            leave()  # the look-up is over
            async with self._reading:
                budget = Deadline.after(self._encoder_budget_s)
                pixels = await self._pictures.pixels(picture, space.bundle, budget)
            return await self._batches.embed(space, pixels)

        key = space_key(space, "image_embeds", picture.content_id)
        try:
            found = await self._cache.get_or_compute(key, compute)
        finally:
            leave()
        self._count(source)
        return found


def _stacked(rows: Sequence[FloatArray]) -> FloatArray:
    stacked: NDArray[Any] = np.stack(rows)
    return stacked
