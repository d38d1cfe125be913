"""How pairs are chosen.

Snapshots: each worn picture leads to the picture of the same product alone.

Products: within a category, a product leads to products that differ from it in few attributes,
one wherever there are such, else two, else three. What counts is in `selection.traits`: colour and
what else a picture shows. An attribute that is known of one product alone is left out of account
only where two or three may differ. No product is the reference, nor the target, of more than
`PairOptions.per_product` pairs of either kind.

Which of the candidates: those that follow the product on a ring ordered by a hash of seed and id
(`selection.neighbours`), then in the order of a hash of the pair, as long as both products have
room. There is no shuffle of the whole: a product that joins changes the few pairs it takes part
in, and those that thereby lose or find room.

Pictures that are nearly the same never form a pair, since no words lead from one to the other.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog.pairs import Pair, PairKind
from catalog.products import Product
from catalog.selection.neighbours import Hashes, Places, TraitTable, hash64, neighbours
from catalog.selection.options import PairOptions
from catalog.selection.traits import traits

NO_CATEGORY: Final = "other"
"""Category of snapshot pairs of products that have none; these form no product pairs."""
_ROUNDS: Final = 2
"""Times that a number of differences is tried: caps leave room behind the nearest candidates."""


def choose_pairs(
    products: Sequence[Product],
    options: PairOptions,
    fingerprints: Mapping[str, int] | None = None,
) -> tuple[Pair, ...]:
    """Pairs to be captioned, in order of kind, category and ids, whatever the products' order.

    Args:
        products: with unique ids; a colour measured where the shop names none is a colour like
            another (`catalog.color.measured.with_measured_colors`).
        options: seed, caps and kinds.
        fingerprints: picture -> 64-bit perceptual hash; without, only the very same picture
            counts as nearly the same.
    """
    prints = fingerprints or {}
    pairs: list[Pair] = []
    by_category: dict[str, list[Product]] = defaultdict(list)
    for product in sorted(products, key=lambda product: product.id):
        category = " ".join(product.category.casefold().split())
        if category and (product.images or product.snapshots):
            by_category[category].append(product)
        if options.snapshots:
            pairs += _snapshot_pairs(product, category or NO_CATEGORY, options, prints)
    if options.products:
        for category, group in by_category.items():
            pairs += _product_pairs(category, group, options, prints)
    return tuple(sorted(pairs, key=_in_order))


def picture_of(product: Product) -> str:
    """The picture that stands for a product: alone if there is one, else worn."""
    return (*product.images, *product.snapshots)[0]


def _in_order(pair: Pair) -> tuple[str, ...]:
    return (pair.kind, pair.category, pair.reference_id, pair.target_id, pair.reference)


def _snapshot_pairs(
    product: Product, category: str, options: PairOptions, prints: Mapping[str, int]
) -> list[Pair]:
    if not product.images:
        return []
    target = product.images[0]
    worn = [
        snapshot
        for snapshot in dict.fromkeys(product.snapshots)
        if snapshot != target and not _nearly_same(snapshot, target, options, prints)
    ]
    worn.sort(key=lambda snapshot: hash64(options.seed, product.id, snapshot))
    return [
        Pair(PairKind.SNAPSHOT, category, snapshot, target, product.id, product.id)
        for snapshot in worn[: options.per_product]
    ]


def _nearly_same(first: str, second: str, options: PairOptions, prints: Mapping[str, int]) -> bool:
    if first not in prints or second not in prints:
        return False
    return (prints[first] ^ prints[second]).bit_count() <= options.near


def _product_pairs(
    category: str, group: list[Product], options: PairOptions, prints: Mapping[str, int]
) -> list[Pair]:
    pictures = [picture_of(product) for product in group]
    rank = np.array([hash64(options.seed, product.id) for product in group], np.uint64)
    table = TraitTable.of([dict(traits(product)) for product in group], rank)
    chosen = _Chosen(table, _Pictures(pictures, prints, options.near), options.per_product)
    for differences in range(1, min(options.differences, table.codes.shape[1]) + 1):
        for _ in range(_ROUNDS):
            chosen.add(differences)
    return [
        Pair(
            PairKind.PRODUCT, category, pictures[one], pictures[other],
            group[one].id, group[other].id,
        )
        for one, other in chosen.pairs
    ]  # fmt: skip


class _Pictures:
    """Tells which products show nearly the same."""

    def __init__(self, pictures: Sequence[str], prints: Mapping[str, int], near: int) -> None:
        numbers: dict[str, int] = {}
        self._same = np.array([numbers.setdefault(name, len(numbers)) for name in pictures])
        self._known = np.array([name in prints for name in pictures], bool)
        self._prints = np.array([prints.get(name, 0) for name in pictures], np.uint64)
        self._near = near

    def differ(self, references: Places, targets: Places) -> NDArray[np.bool_]:
        """[E]: whether words can lead from one picture to the other."""
        bits = self._prints[references] ^ self._prints[targets]
        distance = _BITS[bits.view(np.uint16)].reshape(-1, 4).sum(axis=1)
        near = (distance <= self._near) & self._known[references] & self._known[targets]
        other: NDArray[np.bool_] = ~near & (self._same[references] != self._same[targets])
        return other


_BITS: Final = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)


class _Chosen:
    """Pairs taken so far, and the room that is left."""

    def __init__(self, table: TraitTable, pictures: _Pictures, cap: int) -> None:
        self._table = table
        self._pictures = pictures
        self._cap = cap
        self._as_reference = [0] * len(table.rank)
        self._as_target = [0] * len(table.rank)
        self.pairs: dict[tuple[int, int], None] = {}

    def add(self, differences: int) -> None:
        """Take pairs that differ in so many traits, each if both products have room."""
        asking = np.flatnonzero(np.array(self._as_reference) < self._cap)
        open_to = np.flatnonzero(np.array(self._as_target) < self._cap)
        if not len(asking) or not len(open_to):
            return
        found = list(
            neighbours(self._table, differences, self._cap, asking=asking, open_to=open_to)
        )
        if not found:
            return
        references = np.concatenate([pair[0] for pair in found])
        targets = np.concatenate([pair[1] for pair in found])
        fits = self._pictures.differ(references, targets)
        references, targets = references[fits], targets[fits]
        rank = self._table.rank
        order = np.argsort(_mixed(rank[references], rank[targets]), kind="stable")
        self._take(references[order].tolist(), targets[order].tolist())

    def _take(self, references: list[int], targets: list[int]) -> None:
        for one, other in zip(references, targets, strict=True):
            if self._as_reference[one] < self._cap and self._as_target[other] < self._cap:
                pair = (one, other)
                if pair not in self.pairs:
                    self.pairs[pair] = None
                    self._as_reference[one] += 1
                    self._as_target[other] += 1


def _mixed(first: Hashes, second: Hashes) -> Hashes:
    """A hash [E] of two hashes [E], one for each direction (the finalizer of SplitMix64)."""
    mixed = first ^ (second << np.uint64(23) | second >> np.uint64(41))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
