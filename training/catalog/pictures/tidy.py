"""The pictures of many products put in order: each shown once, and no placeholders.

A placeholder is a picture that many different products share: "no photo yet", a size chart, a
banner. Shops also list each size of one product as a product of its own, with the same picture;
such products count as one (`_design`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from catalog.pictures.alike import near_identical
from catalog.pictures.fingerprints import read_fingerprints
from catalog.products import Product
from catalog.set_aside import SetAside

FEWEST: Final = 5
MOST: Final = 20
SHARE: Final = 0.02
"""A placeholder is shown by 2 % of the products, and by 5 at least, as in a small shop a front and
a back may be told apart wrongly a few times; 20 suffice, however large the shop is."""
_SIZES: Final = frozenset(["xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl", "2xl", "3xl", "4xl"])


@dataclass(frozen=True)
class Tidied:
    """Products whose pictures are in order."""

    products: tuple[Product, ...]
    """Those that still have a picture, in the order given."""
    set_aside: tuple[SetAside, ...]
    """Each picture that was dropped, and each product that has none left."""


def tidy(folder: Path, products: Sequence[Product]) -> Tidied:
    """Drop placeholders, and all but one of the pictures of a product that show the same.

    Of near-identical pictures of one product the one with the most pixels stays, at the place and
    in the role (product picture or snapshot) of the first. Files are not touched; fingerprints are
    kept beside them.
    """
    every = (path for product in products for path in _pictures(product))
    sorter = _Sorter(folder, products, read_fingerprints(folder, every))
    kept = []
    for product in products:
        tidied = sorter.tidy(product)
        if _pictures(tidied):
            kept.append(tidied)
        else:
            sorter.aside.append(
                SetAside("NO_PICTURE", "The product has no picture left.", product.id)
            )
    return Tidied(tuple(kept), tuple(sorter.aside))


class _Sorter:
    """Knows which pictures show the same, and which of these are placeholders."""

    def __init__(
        self, folder: Path, products: Sequence[Product], fingerprints: Mapping[str, int]
    ) -> None:
        self.aside: list[SetAside] = []
        self._shown = {path: path for path in fingerprints}
        self._rank = dict.fromkeys(fingerprints, 0)
        for group in near_identical(folder, fingerprints):
            self._shown |= dict.fromkeys(group, group[0])
            self._rank |= {path: rank for rank, path in enumerate(group)}
        self._placeholders = _placeholders(products, self._shown)

    def tidy(self, product: Product) -> Product:
        """The product with what stays; what does not is noted."""
        best: dict[str, str] = {}
        for path in _pictures(product):
            if path in self._shown:
                rival = best.setdefault(self._shown[path], path)
                best[self._shown[path]] = min(rival, path, key=self._rank.__getitem__)
        used: set[str] = set()
        images = self._keep(product, product.images, best, used)
        snapshots = self._keep(product, product.snapshots, best, used)
        return replace(product, images=images, snapshots=snapshots)

    def _keep(
        self, product: Product, paths: Sequence[str], best: Mapping[str, str], used: set[str]
    ) -> tuple[str, ...]:
        kept = []
        for path in paths:
            shown = self._shown.get(path)
            if shown is None:
                self._note(product, path, "IMAGE_UNREADABLE", "The picture cannot be read.")
            elif shown in self._placeholders:
                message = "Many different products show the same picture."
                self._note(product, path, "IMAGE_PLACEHOLDER", message)
            else:
                if shown not in used:
                    kept.append(best[shown])
                used.add(shown)
                if path != best[shown]:
                    message = "Another picture of the product shows the same, as large or larger."
                    self._note(product, path, "IMAGE_NEAR_IDENTICAL", message)
        return tuple(kept)

    def _note(self, product: Product, path: str, reason: str, message: str) -> None:
        self.aside.append(SetAside(reason, message, product.id, path))


def _pictures(product: Product) -> tuple[str, ...]:
    return (*product.images, *product.snapshots)


def _placeholders(products: Sequence[Product], shown: Mapping[str, str]) -> frozenset[str]:
    designs = defaultdict(set)
    for product in products:
        for path in _pictures(product):
            if path in shown:
                designs[shown[path]].add(_design(product))
    enough = max(FEWEST, min(MOST, round(SHARE * len(products))))
    return frozenset(path for path, shown_by in designs.items() if len(shown_by) >= enough)


def _design(product: Product) -> tuple[str, ...]:
    """What products have in common that differ in their size alone."""
    if group := product.attributes.get("item_group_id"):
        return ("group", group)
    if product.title:
        sizes = _SIZES | {size.casefold() for size in product.sizes}
        words = (word.strip("()[],-/") for word in product.title.casefold().split())
        return ("title", product.brand, *(word for word in words if word and word not in sizes))
    return ("id", product.id)
