"""Importing products: check, compare with what is there, embed what is new, write durably."""

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from PIL import Image

from gateway.gallery_batches import GalleryBatches
from gateway.index_writes import Change, IndexWrites, repeated
from gateway.inference_size import InferenceSize
from gateway.pictures import PictureWorkshop
from gateway.space import EmbeddingSpace
from gateway.validation import valid_write
from retrieval.domain import (
    Deadline,
    F32Array,
    FilterableFields,
    ImageSource,
    ImportOutcome,
    ImportResult,
    Product,
    ProductWrite,
    Trace,
    UploadReference,
    UriReference,
    ignore_trace,
    point_id,
)
from retrieval.errors import CallerError, InvalidArgument, Reason
from retrieval.ports import ImageFetcher, ImageStore

_DECODED_AT_ONCE: Final = 8
_FETCHED_AT_ONCE: Final = 8
_EMBEDDED_AT_ONCE: Final = 2
_HASHED_AT_ONCE_BYTES: Final = 64 << 10


def ignore_outcome(outcome: ImportOutcome) -> None:
    """The observer of callers that keep no metrics."""


class Importer:
    """Turns writes into products of the index."""

    def __init__(
        self,
        images: ImageStore,
        fetcher: ImageFetcher,
        workshop: PictureWorkshop,
        fields: FilterableFields,
        embed_batch: int,
        *,
        count: Callable[[ImportOutcome], None] = ignore_outcome,
        trace: Trace = ignore_trace,
    ) -> None:
        """At most ``embed_batch`` pictures go to the encoder in one request; ``count`` is told what
        became of each product of an import that was answered, ``trace`` of the steps."""
        self._images = images
        self._fetcher = fetcher
        self._workshop = workshop
        self._fields = fields
        self._embed_batch = embed_batch
        self._inference = InferenceSize(embed_batch)
        self._count = count
        self._trace = trace
        # A decoded picture may take 75 MB: only a few are held at once, however many wait.
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)
        # An import's pictures may all lie elsewhere: few are fetched and held at once, so that
        # they neither fill the memory nor take the places of shoppers' fetches.
        self._fetching = asyncio.Semaphore(_FETCHED_AT_ONCE)
        # One batch at work and one behind it keep an encoder busy. More would only lengthen the
        # line before it, in which shoppers' pictures wait too.
        self._embedding = asyncio.Semaphore(_EMBEDDED_AT_ONCE)

    async def run(
        self,
        space: EmbeddingSpace,
        catalog: str,
        writes: Sequence[ProductWrite],
        deadline: Deadline,
    ) -> list[ImportResult]:
        """Write products durably, in order; a bad one fails alone.

        Where an id comes more than once, the last one stays. Raises `DependencyError` when a part
        of the service fails; what was already written is then found unchanged by the next try.
        """
        results: list[ImportResult | None] = [None] * len(writes)
        valid: dict[int, ProductWrite] = {}
        for position, write in enumerate(writes):
            try:
                valid[position] = valid_write(write, self._fields)
            except CallerError as error:
                results[position] = _failed(write.id, error)

        ids = [point_id(catalog, write.id) for write in valid.values()]
        known = await space.index.get(list(dict.fromkeys(ids)), deadline) if ids else {}
        several = repeated(ids)
        async with IndexWrites(space.catalog_index, deadline) as index_writes:

            async def change(write: ProductWrite) -> Change | None:
                found = await self._change(space, catalog, write, known, batches, deadline)
                if found is not None and found.product.point_id not in several:
                    index_writes.add(found)
                return found

            with self._trace("prepare products", {"recompose.products": len(valid)}):
                async with self._batches(space, len(valid), deadline) as batches:
                    outcomes = await asyncio.gather(
                        *map(change, valid.values()), return_exceptions=True
                    )
            last: dict[uuid.UUID, Change] = {}
            for (position, write), outcome in zip(valid.items(), outcomes, strict=True):
                if isinstance(outcome, CallerError):
                    results[position] = _failed(write.id, outcome)
                elif isinstance(outcome, BaseException):
                    raise outcome
                elif outcome is None:
                    # What an earlier one of this id would have changed is no longer wanted.
                    last.pop(point_id(catalog, write.id), None)
                    results[position] = ImportResult(write.id, ImportOutcome.UNCHANGED)
                else:
                    last[outcome.product.point_id] = outcome
                    results[position] = ImportResult(write.id, ImportOutcome.IMPORTED)
            for found in last.values():
                if found.product.point_id in several:
                    index_writes.add(found)
        answers = [result for result in results if result is not None]
        for answer in answers:
            self._count(answer.outcome)
        return answers

    async def write_one(
        self, space: EmbeddingSpace, catalog: str, write: ProductWrite, deadline: Deadline
    ) -> None:
        """Write one valid product durably. Raises its own error, or `DependencyError`."""
        known = await space.index.get([point_id(catalog, write.id)], deadline)
        async with (
            IndexWrites(space.catalog_index, deadline) as index_writes,
            self._batches(space, 1, deadline) as batches,
        ):
            change = await self._change(space, catalog, write, known, batches, deadline)
            if change is not None:
                index_writes.add(change)

    async def _change(
        self,
        space: EmbeddingSpace,
        catalog: str,
        write: ProductWrite,
        known: Mapping[uuid.UUID, Product],
        batches: GalleryBatches,
        deadline: Deadline,
    ) -> Change | None:
        """What has to be written for one product; None where the index already holds it."""
        before = known.get(point_id(catalog, write.id))
        product = Product(
            id=write.id,
            title=write.title,
            attributes=write.attributes,
            catalog=catalog,
            updated_at_s=time.time(),
        )
        with batches.place() as place:
            if write.image is None:
                if before is None:
                    raise InvalidArgument(Reason.IMAGE_REQUIRED, field="image")
                return _payload_change(product, before)
            async with self._content(write.image, deadline) as content:
                source = await _sha256(content)
                if before is not None and before.source_sha256 == source:
                    return _payload_change(product, before)
                await place.enter()
                async with self._decoding:
                    image, pixels = await self._workshop.prepared(content, space.bundle, deadline)
                    embedded = place.embed(pixels)
                    sha256 = await self._images.put(image, deadline)
            # Out of the block above, or a batch would wait for pictures that wait for its places.
            tokens = await embedded
        return Change(_with_picture(product, image, sha256, source), tokens)

    def _batches(self, space: EmbeddingSpace, products: int, deadline: Deadline) -> GalleryBatches:
        async def encode(pixels: F32Array) -> F32Array:
            async with self._embedding:
                started = time.monotonic()
                tokens = await space.encoder.encode_gallery(pixels, deadline)
                self._inference.took(len(pixels), time.monotonic() - started)
                return tokens

        return GalleryBatches(
            encode,
            lambda: self._inference.pictures,
            ceiling=self._embed_batch,
            products=products,
        )

    @asynccontextmanager
    async def _content(self, image: ImageSource, deadline: Deadline) -> AsyncIterator[bytes]:
        match image:
            case UploadReference(content):
                yield content
            case UriReference(uri):
                async with self._fetching, self._fetcher.fetch(uri, deadline) as content:
                    yield content


def _payload_change(product: Product, before: Product) -> Change | None:
    """A change of title or attributes under the picture that is there, or None if there is none."""
    if product.title == before.title and product.attributes == before.attributes:
        return None
    kept = replace(
        product,
        image_sha256=before.image_sha256,
        image_width=before.image_width,
        image_height=before.image_height,
        source_sha256=before.source_sha256,
    )
    return Change(kept, None)


def _with_picture(product: Product, image: Image.Image, sha256: str, source: str) -> Product:
    return replace(
        product,
        image_sha256=sha256,
        image_width=image.width,
        image_height=image.height,
        source_sha256=source,
    )


def _failed(product_id: str, error: CallerError) -> ImportResult:
    shown = "" if error.reason is Reason.PRODUCT_ID_INVALID else product_id
    return ImportResult(shown, ImportOutcome.FAILED, str(error.reason), error.sentence)


async def _sha256(content: bytes) -> str:
    """In hex; of a small file at once, since a thread costs more than hashing it."""
    if len(content) <= _HASHED_AT_ONCE_BYTES:
        return hashlib.sha256(content).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
