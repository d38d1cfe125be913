"""Bringing a backup back: everything is checked first, then written a few products at a time.

The collection is made without its alias, and goes live at the end, so that a restore under way is
searched by nobody (a gateway that runs meanwhile and finds no alias makes it, though). How far a
restore is lies in the collection's metadata: one that was killed is taken up by the next run, and
only a collection that a restore of the same backup left unfinished may be written to without being
told so.
"""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.backup.checking import check
from gateway.backup.embedding import PictureEmbedder
from gateway.backup.failures import BackupDamaged, BackupRefused
from gateway.backup.manifest import Model
from gateway.backup.patience import patiently
from gateway.backup.progress import Progress
from gateway.backup.reading import LoadedPart, OpenBackup
from retrieval.domain import F32Array, IndexedProduct, Product, Restoring
from retrieval.errors import ServiceUnavailable
from retrieval.ports import AuditedIndex, CatalogIndex, PictureFiles, PortableIndex

_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        products: that were written, those of a run before included.
        left_out: products without a picture, whose tokens could not be computed.
        embedded: whether tokens were computed anew.
        tuned: whether the audit's choice came along.
        live: whether the collection is the live one.
    """

    products: int
    left_out: int
    embedded: bool
    tuned: bool
    live: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """A product of a backup; tokens [K, D] float16 in float32 where they are used."""

    product: Product
    picture_saved: bool
    tokens: F32Array | None


class Restore:
    """Writes a backup into an index and an image store.

    Args:
        index, catalog, audits: the index of the model that is served.
        images: where its pictures go.
        model: that is served.
        embedder: computes tokens anew; None uses those of the backup.
    """

    def __init__(
        self,
        index: PortableIndex,
        catalog: CatalogIndex,
        audits: AuditedIndex,
        images: PictureFiles,
        model: Model,
        embedder: PictureEmbedder | None = None,
    ) -> None:
        self._index = index
        self._catalog = catalog
        self._audits = audits
        self._images = images
        self._model = model
        self._embedder = embedder

    async def run(
        self, backup: OpenBackup, progress: Progress, *, into_existing: bool = False
    ) -> Restored:
        """Restore a backup. May be ended at any moment and made again.

        Raises:
            BackupRefused: the backup's tokens are not of this model, or the index holds products
                and ``into_existing`` is not set.
            BackupDamaged: before anything was written.
            RecomposeError: the index, the image store or the encoder fails.
            OSError: the backup cannot be read.
        """
        self._check_model(backup)
        first = await self._first_part(backup, into_existing)
        if self._embedder is not None:
            await self._embedder.check()
        await check(backup, progress, tokens=self._embedder is None)
        await patiently(self._index.prepare)
        await self._note(Restoring(self._key(backup), first))
        progress.begin("restoring", backup.manifest.products)
        left_out = 0
        for number in range(len(backup.manifest.parts)):
            left_out += await self._write_part(backup, number, progress, indexed=number >= first)
            if number >= first:
                await self._note(Restoring(self._key(backup), number + 1))
        tuned = await self._tune(backup)
        live = await patiently(self._index.go_live)
        await self._note(None)
        progress.end()
        return Restored(
            products=backup.manifest.products - left_out,
            left_out=left_out,
            embedded=self._embedder is not None,
            tuned=tuned,
            live=live,
        )

    def _check_model(self, backup: OpenBackup) -> None:
        if self._embedder is not None:
            return
        model = backup.manifest.model
        if model.digest != self._model.digest:
            raise BackupRefused(
                f"backup {backup.name} holds vectors of model {model.digest[:12]}, and BUNDLE_DIR "
                f"is model {self._model.digest[:12]}: vectors must be computed anew, which --embed "
                "does with Triton, or BUNDLE_DIR must name the backup's model"
            )
        if (model.query_tokens, model.embed_dim) != (
            self._model.query_tokens,
            self._model.embed_dim,
        ):
            raise BackupDamaged(
                f"backup {backup.name} is damaged: its vectors are of another size than its model's"
            )
        if not backup.manifest.has_tokens:
            raise BackupRefused(
                f"backup {backup.name} was made without vectors: --embed computes them with Triton"
            )

    def _key(self, backup: OpenBackup) -> str:
        """What an unfinished restore is known by: the backup, and where its tokens come from."""
        return backup.seal if self._embedder is None else f"{backup.seal}+embed"

    async def _first_part(self, backup: OpenBackup, into_existing: bool) -> int:
        """The part to begin with. Raises BackupRefused where the index must be left alone."""
        try:
            products = await patiently(self._audits.count)
            before = await patiently(self._index.restoring)
        except ServiceUnavailable:
            return 0  # There is no such collection.
        if before is not None and before.backup == self._key(backup):
            return min(before.parts, len(backup.manifest.parts)) if products else 0
        if products and not into_existing:
            raise BackupRefused(
                f"the index holds {products:,} products: --into-existing writes the backup over "
                "those with the same ids and keeps the others"
            )
        return 0

    async def _write_part(
        self, backup: OpenBackup, number: int, progress: Progress, *, indexed: bool
    ) -> int:
        """Write pictures, and then the products that show them; returns how many were left out."""
        use_tokens = indexed and self._embedder is None
        part = await asyncio.to_thread(backup.part, number, tokens=use_tokens)
        left_out = 0
        items = _items(part)
        while batch := list(itertools.islice(items, _BATCH)):
            contents = await self._keep_pictures(backup, batch)
            if self._embedder is not None:
                left_out += contents.count(None)
            if indexed:
                await self._index_batch(batch, contents)
            progress.add(len(batch))
        return left_out

    async def _keep_pictures(
        self, backup: OpenBackup, batch: Sequence[_Item]
    ) -> list[bytes | None]:
        """Put the pictures of a batch into the store; returns their files."""

        async def keep(item: _Item) -> bytes | None:
            if not item.picture_saved:
                return None
            sha256 = item.product.image_sha256
            content = await asyncio.to_thread(backup.picture, sha256)
            await patiently(lambda deadline: self._images.put_file(sha256, content, deadline))
            return content

        contents: list[bytes | None] = []
        for end in await asyncio.gather(*map(keep, batch), return_exceptions=True):
            if isinstance(end, BaseException):
                raise end
            contents.append(end)
        return contents

    async def _index_batch(self, batch: Sequence[_Item], contents: Sequence[bytes | None]) -> None:
        if self._embedder is None:
            products = [
                IndexedProduct(item.product, item.tokens)
                for item in batch
                if item.tokens is not None
            ]
        else:
            pairs = [
                (item.product, content)
                for item, content in zip(batch, contents, strict=True)
                if content is not None
            ]
            if not pairs:
                return
            tokens = await self._embedder.embed([content for _, content in pairs])
            products = [
                IndexedProduct(product, own)
                for (product, _), own in zip(pairs, tokens, strict=True)
            ]
        await patiently(lambda deadline: self._catalog.put(products, deadline))

    async def _tune(self, backup: OpenBackup) -> bool:
        """Keep the audit's choice, unless it was made for the vectors of another model."""
        tuning = backup.manifest.tuning
        if tuning is None or backup.manifest.model.digest != self._model.digest:
            return False
        await patiently(lambda deadline: self._audits.keep(tuning.tuning(), deadline))
        return True

    async def _note(self, restoring: Restoring | None) -> None:
        await patiently(lambda deadline: self._index.note(restoring, deadline))


def _items(part: LoadedPart) -> Iterator[_Item]:
    for row, saved in enumerate(part.products):
        tokens = None if part.tokens is None else part.tokens[row].astype(np.float32)
        yield _Item(saved.product, saved.picture_saved, tokens)
