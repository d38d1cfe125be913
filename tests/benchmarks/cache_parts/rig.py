"""A gateway's way to query vectors, in this process: Redis and Triton are real, decodes counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from gateway.pictures import PictureWorkshop
from gateway.query_vectors import QueryVectors
from gateway.reference_pictures import PictureReader, of_upload
from gateway.settings import Settings
from gateway.space import EmbeddingSpace
from gateway.space_wiring import read_bundle
from retrieval.bundle import Bundle
from retrieval.cache import CacheOutcome, RedisEmbeddingCache
from retrieval.domain import (
    Deadline,
    F32Array,
    FloatArray,
    I64Array,
    ImageEmbeddings,
    UploadReference,
)
from retrieval.redis_link import Argument, RedisLink
from retrieval.triton import TritonEncoder

PATIENCE_S: Final = 120.0
"""For an inference of the largest model on a slow processor."""
REDIS_BUDGET_S: Final = float(Settings.model_fields["redis_budget_s"].default)
_WORKERS: Final = int(Settings.model_fields["picture_workers"].default)


class CountingWorkshop(PictureWorkshop):
    """Counts the pictures that it decodes."""

    decoded = 0

    async def upload_pixels(self, content: bytes, bundle: Bundle, deadline: Deadline) -> F32Array:
        """As its parent's."""
        self.decoded += 1
        return await super().upload_pixels(content, bundle, deadline)


class CountingEncoder(TritonEncoder):
    """Counts the bytes of the tensors that it sends and gets."""

    moved_bytes = 0

    async def encode_images(self, pixel_values: F32Array, deadline: Deadline) -> ImageEmbeddings:
        """As its parent's."""
        found = await super().encode_images(pixel_values, deadline)
        self.moved_bytes += pixel_values.nbytes + found.embeds.nbytes + found.tokens.nbytes
        return found

    async def compose(
        self,
        image_embeds: FloatArray,
        input_ids: I64Array,
        attention_mask: I64Array,
        deadline: Deadline,
    ) -> F32Array:
        """As its parent's."""
        found = await super().compose(image_embeds, input_ids, attention_mask, deadline)
        sent = (image_embeds, input_ids, attention_mask)
        self.moved_bytes += sum(array.nbytes for array in sent) + found.nbytes
        return found


class CountingLink(RedisLink):
    """Counts the bytes of the keys and values that it sends and gets."""

    moved_bytes = 0

    async def call(self, *command: Argument) -> Any:
        """As its parent's."""
        answer = await super().call(*command)
        self.moved_bytes += sum(len(part) for part in (*command, answer) if isinstance(part, bytes))
        return answer


@dataclass(slots=True)
class Rig:
    """``QueryVectors`` over real parts.

    Attributes:
        outcomes: how the lookups in Redis ended, in their order.
    """

    space: EmbeddingSpace
    encoder: CountingEncoder
    link: CountingLink
    workshop: CountingWorkshop
    vectors: QueryVectors
    outcomes: list[CacheOutcome] = field(default_factory=list)

    @property
    def moved_bytes(self) -> int:
        """Tensors, keys and values that went to Triton and Redis and came from them."""
        return self.encoder.moved_bytes + self.link.moved_bytes

    async def ask(self, picture: bytes, words: str) -> F32Array:
        """The query [D] of an uploaded picture and words."""
        reference = await of_upload(UploadReference(picture))
        return await self.vectors.of(self.space, reference, words)


@asynccontextmanager
async def rigged(
    triton: str, redis: str, bundle_dir: Path, *, redis_budget_s: float = REDIS_BUDGET_S
) -> AsyncIterator[Rig]:
    """A rig for the model of ``bundle_dir``, which Triton at ``triton`` (HOST:PORT) has loaded."""
    bundle, tokenizer = read_bundle(bundle_dir)
    encoder = CountingEncoder(triton, bundle)
    workshop = CountingWorkshop(_WORKERS)
    outcomes: list[CacheOutcome] = []
    link = CountingLink(redis, budget_s=redis_budget_s)
    cache = RedisEmbeddingCache(link, secret=b"measured", fresh_s=0, count=outcomes.append)
    nothing = cast(Any, None)  # what searches need and query vectors do not
    space = EmbeddingSpace(bundle, tokenizer, encoder, nothing, nothing, nothing)
    vectors = QueryVectors(cache, PictureReader(nothing, workshop), PATIENCE_S)
    try:
        yield Rig(space, encoder, link, workshop, vectors, outcomes)
    finally:
        workshop.close()
        await encoder.close()
        await link.close()
