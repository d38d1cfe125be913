"""What a run over a feed came to: products, what was set aside, exact counts, and sentences."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from catalog.products import PRODUCTS, Product
from catalog.set_aside import SET_ASIDE, SetAside

CONTRADICTED = "ID_TWICE"
"""A row whose id another row has, which says something else of it."""


@dataclass
class Gathered:
    """Each row is in exactly one of `products` and `rows_aside`."""

    products: list[Product] = field(default_factory=list)
    rows_aside: list[SetAside] = field(default_factory=list)
    pictures_aside: list[SetAside] = field(default_factory=list)

    def set_aside(self) -> list[SetAside]:
        """All of it."""
        return [*self.rows_aside, *self.pictures_aside]

    def report(self, feed: Path, output: Path, read: int, known: int) -> str:
        """Counts for the end of a run, some lines."""
        rows = len(self.products) + len(self.rows_aside)
        images = sum(len(product.images) for product in self.products)
        snapshots = sum(len(product.snapshots) for product in self.products)
        lines = [
            f"{feed}: {_count(rows, 'row')}",
            f"  {_count(len(self.products), 'product')} with {_count(images, 'product picture')}"
            f" and {_count(snapshots, 'snapshot')} in {output / PRODUCTS}",
            f"  {_count(len(self.rows_aside), 'row')} and "
            f"{_count(len(self.pictures_aside), 'picture')} set aside{_reasons(self.set_aside())}",
            f"  {_count(read, 'file')} read, {known} known from before",
        ]
        return "\n".join(lines)

    def complaint(self, feed: Path, output: Path) -> str:
        """What is so wrong with the feed that the run ends in an error; empty where nothing is."""
        rest = f"{_count(len(self.products), 'product')} kept, for the others see "
        rest += f"{output / SET_ASIDE}"
        rows = len(self.products) + len(self.rows_aside)
        if 2 * len(self.rows_aside) > rows:
            reason, sentence = self._main_reason()
            return (
                f"{feed}: {len(self.rows_aside)} of {_count(rows, 'row')} set aside, mostly for "
                f"{reason} ({sentence.rstrip('.')}); {rest}"
            )
        twice = [row for row in self.rows_aside if row.reason == CONTRADICTED]
        if twice:
            return (
                f"{feed}: {_count(len(twice), 'row')} with the id of an earlier row and other "
                f"values, the first {twice[0].id!r} at {twice[0].where}; {rest}"
            )
        return ""

    def _main_reason(self) -> tuple[str, str]:
        """The most frequent one; where pictures are the trouble, the trouble with them."""
        counts = Counter((row.reason, row.message) for row in self.rows_aside)
        reason, sentence = counts.most_common(1)[0][0]
        if reason == "NO_PICTURE" and self.pictures_aside:
            pictures = Counter((row.reason, row.message) for row in self.pictures_aside)
            reason, sentence = pictures.most_common(1)[0][0]
        return reason, sentence


def _reasons(rows: Iterable[SetAside]) -> str:
    counts = Counter(row.reason for row in rows).most_common()
    return ": " + ", ".join(f"{count} {reason}" for reason, count in counts) if counts else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
