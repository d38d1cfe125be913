"""Which split a product belongs to: drawn once, kept for good, and without leaks.

1. A product's pictures lie in one split, and so do all products that near-duplicate pictures
   link, directly or through others: a shop often lists one garment several times.
2. The split of a new group is drawn by a hash of seed and product id (of the member whose hash is
   smallest), so it depends neither on the order nor on the number of products.
3. What was drawn is kept and never changes. A new product joins the split of what it is linked
   with.
4. A new product that is linked with two splits cannot be had without a leak, and what is there
   must not move: the product is set aside (`LINKS_TWO_SPLITS`). It is set aside as a whole, not
   only one of its pictures, because all of them show the same thing, which is then known in both
   splits. Where a product that has its split gains a picture which is near to one of another
   split, that picture alone is set aside.

Pictures that a shop no longer shows still count: a model may have learnt from them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from heapq import heapify, heappop, heappush
from typing import Final

from catalog.pictures.fingerprints import near_duplicates
from catalog.structure.links import Links, join

REASON: Final = "LINKS_TWO_SPLITS"
DISTANCE: Final = 6
"""Differing bits of two fingerprints up to which pictures count as near-duplicates."""


class Split(StrEnum):
    """A part of a data set, as FashionIQ's files name it."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@dataclass(frozen=True)
class Shares:
    """How large the splits shall be, and the seed of the draw."""

    val: float = 0.1
    test: float = 0.1
    seed: int = 1

    def digest(self, product: str) -> int:
        """A number in [0, 2**64) that is a product's own."""
        return int.from_bytes(sha256(f"{self.seed}:{product}".encode()).digest()[:8])

    def draw(self, product: str) -> Split:
        """The split of a product that is linked with none. Larger shares move none to train."""
        # Not the digest itself: the smallest one of a large group would always be a small number.
        number = int.from_bytes(sha256(f"split:{self.seed}:{product}".encode()).digest()[:8])
        place = number / 2**64
        if place < self.test:
            return Split.TEST
        return Split.VAL if place >= 1 - self.val else Split.TRAIN


@dataclass(frozen=True)
class Assigned:
    """What was decided; the next run begins with it."""

    products: Mapping[str, Split] = field(default_factory=dict)
    pictures: Mapping[str, Split] = field(default_factory=dict)
    fingerprints: Mapping[str, int] = field(default_factory=dict)
    """Of the same pictures."""


@dataclass(frozen=True)
class Assignment:
    """The splits of a catalog."""

    assigned: Assigned
    """What was kept and what is new."""
    products_out: frozenset[str] = frozenset()
    """New products linked with two splits."""
    pictures_out: frozenset[tuple[str, str]] = frozenset()
    """Product and its new picture that is linked with another split."""
    largest: int = 0
    """Products of the largest group: all of them lie in one split."""


def assign_splits(
    catalog: Mapping[str, Sequence[str]],
    fingerprints: Mapping[str, int],
    shares: Shares,
    before: Assigned | None = None,
) -> Assignment:
    """Give every product a split; see the module.

    Args:
        catalog: Product -> names of its pictures.
        fingerprints: Picture -> 64-bit fingerprint. A picture without one cannot be read, so it
            is in no split; it is judged as a new one once it has a fingerprint.
        shares: How large the splits shall be.
        before: What earlier runs decided.
    """
    kept = before or Assigned()
    shown = {name for pictures in catalog.values() for name in pictures}
    known = {**kept.fingerprints, **{n: fingerprints[n] for n in shown if n in fingerprints}}
    # Nodes are (True, product) and (False, picture): names of both kinds may be equal.
    groups = join(
        [
            *(
                [(True, product), *((False, n) for n in names)]
                for product, names in catalog.items()
            ),
            *([(False, name) for name in group] for group in near_duplicates(known, DISTANCE)),
        ]
    )
    state = _State(kept, shares, known)
    largest = 0
    for group in groups:
        products = {name: catalog[name] for is_product, name in group if is_product}
        pictures = {name for is_product, name in group if not is_product}
        largest = max(largest, len(products))
        state.settle(products, pictures)
    assigned = Assigned(state.products, state.pictures, {n: known[n] for n in state.pictures})
    return Assignment(
        assigned, frozenset(state.products_out), frozenset(state.pictures_out), largest
    )


class _State:
    def __init__(self, kept: Assigned, shares: Shares, known: Mapping[str, int]) -> None:
        self.kept = kept
        self.shares = shares
        self.known = known
        self.products = dict(kept.products)
        self.pictures = dict(kept.pictures)
        self.products_out: set[str] = set()
        self.pictures_out: set[tuple[str, str]] = set()

    def settle(self, products: Mapping[str, Sequence[str]], pictures: set[str]) -> None:
        """One group of linked products and pictures."""
        there = {self.pictures[name] for name in pictures if name in self.pictures}
        there |= {self.products[product] for product in products if product in self.products}
        if len(there) > 1:
            self._untangle(products, Links(pictures, self.known, DISTANCE))
            return
        split = there.pop() if there else self._draw(products)
        for product, names in products.items():
            self._admit(product, names, split)

    def _untangle(self, products: Mapping[str, Sequence[str]], links: Links) -> None:
        """A group that reaches into two splits: one product after the other."""
        old = [product for product in products if product in self.kept.products]
        # What is evaluated keeps its new pictures before what trains.
        for product in sorted(old, key=lambda p: (self.products[p] is Split.TRAIN, self._order(p))):
            split = self.products[product]
            for name in products[product]:
                if self.kept.pictures.get(name) is split:
                    continue
                if self._touched([name], links) - {split}:
                    self.pictures_out.add((product, name))
                else:
                    self._admit(product, [name], split)
        self._grow({p: products[p] for p in products.keys() - self.kept.products.keys()}, links)

    def _grow(self, products: Mapping[str, Sequence[str]], links: Links) -> None:
        """New products of such a group, outwards from what has a split; small hashes first."""
        owners: dict[str, list[str]] = {}
        for product, names in products.items():
            for name in names:
                owners.setdefault(name, []).append(product)
        waiting = set(products)
        ready = [self._order(p) for p in waiting if self._touched(products[p], links)]
        heapify(ready)
        while ready:
            _, product = heappop(ready)
            if product not in waiting:
                continue
            waiting.remove(product)
            touched = self._touched(products[product], links)
            if len(touched) > 1:
                self.products_out.add(product)
                continue
            self._admit(product, products[product], touched.pop())
            for name in products[product]:
                for near in (name, *links.near(name)):
                    for neighbour in waiting.intersection(owners.get(near, ())):
                        heappush(ready, self._order(neighbour))
        self._settle_apart({product: products[product] for product in waiting}, links)

    def _settle_apart(self, products: Mapping[str, Sequence[str]], links: Links) -> None:
        """Products that touch no split, once those that linked them to one are set aside."""
        own = {name for names in products.values() for name in names}
        near = [[(True, p), *((False, n) for n in names)] for p, names in products.items()]
        near += [[(False, name), *((False, n) for n in links.near(name) & own)] for name in own]
        for group in join(near):
            members = {name: products[name] for is_product, name in group if is_product}
            split = self._draw(members)
            for product, names in members.items():
                self._admit(product, names, split)

    def _touched(self, names: Iterable[str], links: Links) -> set[Split]:
        return {
            self.pictures[near]
            for name in names
            for near in (name, *links.near(name))
            if near in self.pictures
        }

    def _admit(self, product: str, names: Iterable[str], split: Split) -> None:
        self.products[product] = split
        for name in names:
            if name in self.known:
                self.pictures.setdefault(name, split)

    def _draw(self, products: Iterable[str]) -> Split:
        return self.shares.draw(min(products, key=self._order, default=""))

    def _order(self, product: str) -> tuple[int, str]:
        return self.shares.digest(product), product
