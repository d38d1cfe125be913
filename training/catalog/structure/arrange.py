"""Which captioned pair and which picture goes where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog.pairs import Captioned
from catalog.products import Product
from catalog.structure.layout import picture_name, slug
from catalog.structure.set_aside import SetAside
from catalog.structure.splits import REASON, Assignment, Split

Part = tuple[str, Split]
"""A category's split."""


@dataclass(frozen=True)
class Arranged:
    """What a data set holds."""

    questions: Mapping[Part, Sequence[Captioned]]
    """In the order of their pictures' names; parts without any are left out."""
    gallery: Mapping[Part, Sequence[str]]
    """Paths of the pictures: those of the questions, and one of each other product."""
    set_aside: Sequence[SetAside] = field(default_factory=tuple)

    @property
    def categories(self) -> tuple[str, ...]:
        """Those with a question, in order."""
        return tuple(sorted({category for category, _ in self.questions}))

    @property
    def pictures(self) -> dict[str, str]:
        """Name in the data set -> path, of every picture of a gallery."""
        paths = {path for gallery in self.gallery.values() for path in gallery}
        return {picture_name(path): path for path in sorted(paths)}


def pictures_of(product: Product) -> tuple[str, ...]:
    """Every picture of a product, each once."""
    return tuple(dict.fromkeys((*product.images, *product.snapshots)))


def arrange(
    products: Sequence[Product],
    captioned: Iterable[Captioned],
    assignment: Assignment,
    unusable: Mapping[str, str],
) -> Arranged:
    """Sort pairs and pictures into categories and splits.

    A gallery holds one picture of each product, its first usable one of the product alone, and
    what questions need: other views of a target would count as wrong answers.

    Args:
        products: The catalog.
        captioned: Its pairs, with captions.
        assignment: The split of each product.
        unusable: Picture -> why it cannot be used.
    """
    sifter = _Sifter(products, assignment, unusable)
    questions: dict[Part, list[Captioned]] = {}
    for item in sorted(captioned, key=in_order):
        reason = sifter.reason(item)
        if reason:
            sifter.set_aside.append(SetAside.pair(item, reason))
        else:
            part = slug(item.pair.category), sifter.splits[item.pair.target_id]
            questions.setdefault(part, []).append(item)
    gallery: dict[Part, set[str]] = {
        part: {path for item in items for path in (item.pair.reference, item.pair.target)}
        for part, items in questions.items()
    }
    for product in products:
        first = sifter.first_image(product)
        if first is not None:
            part = slug(product.category), sifter.splits[product.id]
            gallery.setdefault(part, set()).add(first)
    wholes = {part: sorted(paths, key=picture_name) for part, paths in gallery.items()}
    return Arranged(questions, wholes, sifter.set_aside)


class _Sifter:
    def __init__(
        self, products: Sequence[Product], assignment: Assignment, unusable: Mapping[str, str]
    ) -> None:
        self.shown = {product.id: frozenset(pictures_of(product)) for product in products}
        self.splits = assignment.assigned.products
        self.unusable = unusable
        self.products_out = assignment.products_out
        self.pictures_out = assignment.pictures_out
        self.set_aside = [SetAside("product", id, REASON) for id in sorted(self.products_out)]
        for product in products:
            for path in pictures_of(product):
                reason = self._picture_reason(product.id, path)
                if reason and product.id not in self.products_out:
                    self.set_aside.append(SetAside("picture", product.id, reason, path))

    def reason(self, item: Captioned) -> str:
        """Why a pair cannot be used; empty where it can."""
        pair = item.pair
        ends = ((pair.reference_id, pair.reference), (pair.target_id, pair.target))
        if picture_name(pair.reference) == picture_name(pair.target):
            return "SAME_PICTURE"
        for product, path in ends:
            if product not in self.shown:
                return "PRODUCT_GONE"
            if product in self.products_out:
                return REASON
            if path not in self.shown[product]:
                return "PICTURE_GONE"
            if reason := self._picture_reason(product, path):
                return reason
        same = self.splits[pair.reference_id] == self.splits[pair.target_id]
        return "" if same else "DIFFERENT_SPLITS"

    def first_image(self, product: Product) -> str | None:
        """The picture that stands for a product which no question asks for."""
        if product.id in self.products_out:
            return None
        usable = (path for path in product.images if not self._picture_reason(product.id, path))
        return next(usable, None)

    def _picture_reason(self, product: str, path: str) -> str:
        if (product, picture_name(path)) in self.pictures_out:
            return REASON
        return self.unusable.get(path, "")


def in_order(item: Captioned) -> tuple[str, ...]:
    """Sorts questions the same way each time."""
    pair = item.pair
    return picture_name(pair.reference), picture_name(pair.target), *item.captions


def entry(item: Captioned, *, with_target: bool) -> dict[str, Any]:
    """A pair as FashionIQ's files have it, fields in their order."""
    target = {"target": picture_name(item.pair.target)} if with_target else {}
    return target | {
        "candidate": picture_name(item.pair.reference),
        "captions": list(item.captions),
    }
