"""Importing products: check, compare with what is there, embed what is new, write durably."""

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image

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
    IndexedProduct,
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


def ignore_outcome(outcome: ImportOutcome) -> None:
    """The observer of callers that keep no metrics."""


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """What one write means for the index: a new payload, and new pixels where given."""

    product: Product
    pixels: F32Array | None


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
        """``embed_batch`` pictures go to the encoder in one request; ``count`` is told what became
        of each product of an import that was answered, ``trace`` of the steps."""
        self._images = images
        self._fetcher = fetcher
        self._workshop = workshop
        self._fields = fields
        self._embed_batch = embed_batch
        self._count = count
        self._trace = trace
        # A decoded picture may take 75 MB: only a few are held at once, however many wait.
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)
        # An import's pictures may all lie elsewhere: few are fetched and held at once, so that
        # they neither fill the memory nor take the places of shoppers' fetches.
        self._fetching = asyncio.Semaphore(_FETCHED_AT_ONCE)

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
        with self._trace("prepare products", {"recompose.products": len(valid)}):
            outcomes = await asyncio.gather(
                *(self._change(space, catalog, write, known, deadline) for write in valid.values()),
                return_exceptions=True,
            )
        changes: dict[uuid.UUID, _Change] = {}
        for (position, write), outcome in zip(valid.items(), outcomes, strict=True):
            if isinstance(outcome, CallerError):
                results[position] = _failed(write.id, outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            elif outcome is None:
                results[position] = ImportResult(write.id, ImportOutcome.UNCHANGED)
            else:
                changes[outcome.product.point_id] = outcome
                results[position] = ImportResult(write.id, ImportOutcome.IMPORTED)
        await self._apply(space, list(changes.values()), deadline)
        answers = [result for result in results if result is not None]
        for answer in answers:
            self._count(answer.outcome)
        return answers

    async def write_one(
        self, space: EmbeddingSpace, catalog: str, write: ProductWrite, deadline: Deadline
    ) -> None:
        """Write one valid product durably. Raises its own error, or `DependencyError`."""
        known = await space.index.get([point_id(catalog, write.id)], deadline)
        change = await self._change(space, catalog, write, known, deadline)
        if change is not None:
            await self._apply(space, [change], deadline)

    async def _change(
        self,
        space: EmbeddingSpace,
        catalog: str,
        write: ProductWrite,
        known: Mapping[uuid.UUID, Product],
        deadline: Deadline,
    ) -> _Change | None:
        """What has to be written for one product; None where the index already holds it."""
        before = known.get(point_id(catalog, write.id))
        product = Product(
            id=write.id,
            title=write.title,
            attributes=write.attributes,
            catalog=catalog,
            updated_at_s=time.time(),
        )
        if write.image is None:
            if before is None:
                raise InvalidArgument(Reason.IMAGE_REQUIRED, field="image")
            return _payload_change(product, before)

        async with self._content(write.image, deadline) as content:
            source = await asyncio.to_thread(_sha256, content)
            if before is not None and before.source_sha256 == source:
                return _payload_change(product, before)
            async with self._decoding:
                image = await self._workshop.normalise(content, deadline)
                sha256 = await self._images.put(image, deadline)
                pixels = await self._workshop.pixels(image, space.bundle, deadline)
        return _Change(_with_picture(product, image, sha256, source), pixels)

    @asynccontextmanager
    async def _content(self, image: ImageSource, deadline: Deadline) -> AsyncIterator[bytes]:
        match image:
            case UploadReference(content):
                yield content
            case UriReference(uri):
                async with self._fetching, self._fetcher.fetch(uri, deadline) as content:
                    yield content

    async def _apply(
        self, space: EmbeddingSpace, changes: Sequence[_Change], deadline: Deadline
    ) -> None:
        new = [(change.product, change.pixels) for change in changes if change.pixels is not None]
        batches = [
            new[start : start + self._embed_batch]
            for start in range(0, len(new), self._embed_batch)
        ]
        tokens = await asyncio.gather(
            *(
                space.encoder.encode_gallery(np.stack([pixels for _, pixels in batch]), deadline)
                for batch in batches
            )
        )
        indexed = [
            IndexedProduct(product, product_tokens)
            for batch, embeddings in zip(batches, tokens, strict=True)
            for (product, _), product_tokens in zip(batch, embeddings, strict=True)
        ]
        if indexed:
            await space.catalog_index.put(indexed, deadline)
        for change in changes:
            if change.pixels is None:
                await space.catalog_index.replace_payload(change.product, deadline)


def _payload_change(product: Product, before: Product) -> _Change | None:
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
    return _Change(kept, None)


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


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
