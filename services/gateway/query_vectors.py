"""From a reference and words to the vectors that the index is asked with.

    words alone            text_encoder                              [D]
    picture alone          image_encoder's tokens                    [K, D]
    picture and words      image_encoder's embeds, fusion_encoder    [D]

Each result is cached by content, and so are a reference's embeds: they are the costly part.
Callers that ask for one embedding share its computation, so it has a time of its own; a caller's
deadline ends its waiting, and when the last caller has gone the computation is cancelled.
"""

from collections.abc import Awaitable, Callable

import numpy as np

from gateway.reference_pictures import PictureReader, ReferencePicture
from gateway.space import EmbeddingSpace
from retrieval.cache import embedding_key
from retrieval.domain import (
    CacheKind,
    Deadline,
    F32Array,
    FloatArray,
    ImageEmbeddings,
    Trace,
    ignore_trace,
)
from retrieval.ports import EmbeddingCache


class QueryVectors:
    """Makes query vectors, from the cache where it has them."""

    def __init__(
        self,
        cache: EmbeddingCache,
        pictures: PictureReader,
        encoder_budget_s: float,
        trace: Trace = ignore_trace,
    ) -> None:
        """``encoder_budget_s`` bounds each inference, however much time the caller has left;
        ``trace`` is told of the steps."""
        self._cache = cache
        self._pictures = pictures
        self._encoder_budget_s = encoder_budget_s
        self._trace = trace

    async def of(
        self,
        space: EmbeddingSpace,
        reference: ReferencePicture | None,
        modification: str,
    ) -> F32Array:
        """The query's vectors, [D] or [K, D] float32, L2-normalised.

        Raises the errors of the picture, or `DependencyError` where an embedding is not cached
        and cannot be computed.
        """
        words = space.tokenizer.process(modification)
        if reference is None:
            return await self._text(space, words)
        if not words:
            return await self._picture(space, reference)
        return await self._composed(space, reference, words)

    async def embeds(self, space: EmbeddingSpace, reference: ReferencePicture) -> FloatArray:
        """A reference's embeds [P, W] in the bundle's precision. Raises as `of`."""

        async def compute() -> FloatArray:
            return _first((await self._embed(space, reference)).embeds)

        return await self._found(space, "image_embeds", compute, reference.content_id)

    async def _text(self, space: EmbeddingSpace, words: str) -> F32Array:
        async def compute() -> FloatArray:
            ids, mask = space.tokenizer.encode_batch([words])
            queries = await space.encoder.encode_texts(ids, mask, self._budget())
            return _first(queries)

        return await self._cached(space, "query_embedding", compute, b"", words.encode())

    async def _picture(self, space: EmbeddingSpace, reference: ReferencePicture) -> F32Array:
        async def compute() -> FloatArray:
            return _first((await self._embed(space, reference)).tokens)

        return await self._cached(space, "image_tokens", compute, reference.content_id)

    async def _composed(
        self, space: EmbeddingSpace, reference: ReferencePicture, words: str
    ) -> F32Array:
        async def compute() -> FloatArray:
            embeds = await self.embeds(space, reference)
            ids, mask = space.tokenizer.encode_batch([words])
            queries = await space.encoder.compose(embeds[None], ids, mask, self._budget())
            return _first(queries)

        return await self._cached(
            space, "query_embedding", compute, reference.content_id, words.encode()
        )

    async def _cached(
        self,
        space: EmbeddingSpace,
        kind: CacheKind,
        compute: Callable[[], Awaitable[FloatArray]],
        *content: bytes,
    ) -> F32Array:
        found = await self._found(space, kind, compute, *content)
        return found.astype(np.float32, copy=False)

    async def _found(
        self,
        space: EmbeddingSpace,
        kind: CacheKind,
        compute: Callable[[], Awaitable[FloatArray]],
        *content: bytes,
    ) -> FloatArray:
        with self._trace("embed", {"recompose.embedding": kind}):
            return await self._cache.get_or_compute(space_key(space, kind, *content), compute)

    async def _embed(self, space: EmbeddingSpace, reference: ReferencePicture) -> ImageEmbeddings:
        pixels = await self._pictures.pixels(reference, space.bundle, self._budget())
        return await space.encoder.encode_images(pixels[None], self._budget())

    def _budget(self) -> Deadline:
        return Deadline.after(self._encoder_budget_s)


def space_key(space: EmbeddingSpace, kind: CacheKind, *content: bytes) -> bytes:
    """The key of an embedding of the space's model; equal for all who make it of one content."""
    return embedding_key(space.bundle.digest, space.bundle.preprocess.version, kind, *content)


def _first(batch: FloatArray) -> FloatArray:
    only: FloatArray = batch[0]
    return only
