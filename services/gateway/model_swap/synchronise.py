"""One pass that makes a model's collection, the target, hold what another's, the source, holds.

Every product that the target has is either a copy, brought by a pass, or its own, written there by
a gateway since the model went live. A pass touches copies alone:

    in the source      in the target       then
    yes                no                  embedded and copied
    other content      a copy              copied; embedded only where the picture is another
    the same           a copy              nothing
    no                 a copy              deleted
    either             its own             nothing: it was written under the newer model

No clocks are compared, and each write is conditional on what it was decided by, so a pass may be
killed at any moment and made again, and products may change on both sides meanwhile.

What is in the source but not in the target is always new there: gateways delete a product from
every model's collection, the live one's last. A deletion that overlaps a pass may thus reappear in
the target until the pass comes to its second half, which looks for copies without a source.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from gateway.model_swap.embedding import embed, pixels_of
from gateway.model_swap.parts import Progress, Side, SwapParts, patiently
from retrieval.domain import HeldProduct, IndexedProduct, Product

_PAGE: Final = 128


@dataclass(slots=True)
class Report:
    """What a pass did.

    Attributes:
        seen: products of the source.
        embedded: copied with new embeddings.
        updated: copied without.
        deleted: copies that have no source any more.
        own: products of the target's own, which were left alone.
        left_out: products whose picture is missing or damaged in the image store.
    """

    seen: int = 0
    embedded: int = 0
    updated: int = 0
    deleted: int = 0
    own: int = 0
    left_out: list[Product] = field(default_factory=list)

    @property
    def changed(self) -> int:
        """Products that were not as they should be."""
        return self.embedded + self.updated + self.deleted


class Synchronisation:
    """Passes from one collection to another."""

    def __init__(self, parts: SwapParts, source: Side, target: Side) -> None:
        self._parts = parts
        self._source = source
        self._target = target

    async def run(self, since_s: float | None = None) -> Report:
        """Make one pass: over everything, or a short one, over what was written after a time.

        A short pass is there to be quick. It trusts the gateways' clocks and looks for no
        deletions, so it completes nothing. Raises `RecomposeError`; what was done before then
        stays.
        """
        report = Report()
        audits = self._source.space.audits
        total = await patiently(partial(audits.count, updated_after_s=since_s))
        model = self._target.space.model
        with self._parts.progress(f"to {model}", total) as progress:
            await self._copy(report, progress, since_s)
        if since_s is None:
            await self._sweep(report)
        return report

    async def _copy(self, report: Report, progress: Progress, since_s: float | None) -> None:
        after: uuid.UUID | None = None
        while True:
            page, after = await _page(self._source, after, since_s)
            products = [held.product for held in page]
            await self._copy_page(products, report)
            report.seen += len(products)
            progress(len(products))
            if after is None:
                return

    async def _copy_page(self, products: Sequence[Product], report: Report) -> None:
        target = self._target.copies
        wanted = [product.point_id for product in products]
        found = await patiently(partial(target.find, wanted))
        new = []
        for product in products:
            held = found.get(product.point_id)
            if held is None:
                new.append(product)
            elif not held.copied:
                report.own += 1
            elif held.product.image_sha256 != product.image_sha256:
                new.append(product)
            elif held.product != product:
                await patiently(partial(target.put_copied_payload, product))
                report.updated += 1
        for start in range(0, len(new), self._parts.batch):
            await self._copy_batch(new[start : start + self._parts.batch], report)

    async def _copy_batch(self, products: Sequence[Product], report: Report) -> None:
        space, copies = self._target.space, self._target.copies
        pixels = await pixels_of(self._parts, space, products)
        report.left_out += [p for p, found in zip(products, pixels, strict=True) if found is None]
        whole = [(p, found) for p, found in zip(products, pixels, strict=True) if found is not None]
        if not whole:
            return
        embeddings = await embed(space, [found for _, found in whole])
        items = [
            IndexedProduct(product, tokens)
            for (product, _), tokens in zip(whole, embeddings, strict=True)
        ]
        await patiently(partial(copies.put_copies, items))
        report.embedded += len(items)

    async def _sweep(self, report: Report) -> None:
        """Delete the copies that have no source."""
        source, target = self._source.copies, self._target.copies
        after: uuid.UUID | None = None
        while True:
            page, after = await _page(self._target, after)
            copies = [held.product.point_id for held in page if held.copied]
            found = await patiently(partial(source.find, copies))
            gone = [point_id for point_id in copies if point_id not in found]
            if gone:
                await patiently(partial(target.delete_copies, gone))
                report.deleted += len(gone)
            if after is None:
                return


async def _page(
    side: Side, after: uuid.UUID | None, since_s: float | None = None
) -> tuple[list[HeldProduct], uuid.UUID | None]:
    return await patiently(partial(side.copies.held_page, _PAGE, after, updated_after_s=since_s))
