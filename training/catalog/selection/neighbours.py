"""Which products differ in just so many traits, found without comparing each with each.

Products that are equal in all traits but one lie in one ring, ordered by a hash of their ids; the
neighbours of a product are those that come next in the ring and have another value. For two and
three traits it is the same with more traits left open. Each ring costs one sort, and a new product
is a neighbour to those just before it and to no others.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Hashes = NDArray[np.uint64]

_NONE: Final = 0


def hash64(*parts: object) -> int:
    """The first 64 bits of a sha256, the same on every machine."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@dataclass(frozen=True)
class TraitTable:
    """Products of one category and what is known of them."""

    codes: NDArray[np.int32]
    """[N, T]: a number for each value of a trait, 0 where it is not known."""
    hashes: Hashes
    """[N, T] uint64: a hash for each of them."""
    rank: Hashes
    """[N] uint64: each product's own place on the ring."""

    @classmethod
    def of(cls, known: Sequence[dict[str, str]], rank: Hashes) -> "TraitTable":
        """The table of traits that take two values or more, unknown being one of them."""
        columns = []
        for name in sorted({name for traits in known for name in traits}):
            values = [traits.get(name, "") for traits in known]
            numbers = {value: place for place, value in enumerate(sorted({*values, ""}))}
            if len(set(values)) > 1:
                of_number = [hash64(name, value) for value in numbers]
                columns.append(([numbers[value] for value in values], of_number))
        size = (len(known), len(columns))
        codes, hashes = np.zeros(size, np.int32), np.zeros(size, np.uint64)
        for place, (numbered, of_number) in enumerate(columns):
            codes[:, place] = numbered
            hashes[:, place] = np.array(of_number, np.uint64)[codes[:, place]]
        return cls(codes, hashes, rank)


def neighbours(
    table: TraitTable, differences: int, count: int, *, asking: Places, open_to: Places
) -> Iterator[tuple[Places, Places]]:
    """References and targets, [E] each, that differ in `differences` traits or fewer.

    Args:
        table: products of one category.
        differences: traits left open at a time.
        count: next neighbours in each ring.
        asking: places of products that need a target.
        open_to: places of products that may still be a target.
    """
    rows = np.union1d(asking, open_to)
    asks = np.isin(rows, asking)
    open_rows = np.isin(rows, open_to)
    codes, hashes, rank = table.codes[rows], table.hashes[rows], table.rank[rows]
    whole = hashes.sum(axis=1, dtype=np.uint64)
    for traits in combinations(range(codes.shape[1]), differences):
        columns = list(traits)
        value = hashes[:, columns].sum(axis=1, dtype=np.uint64)
        known = (codes[:, columns] != _NONE).any(axis=1)
        inside = np.flatnonzero(known)
        order = inside[np.lexsort((rank[inside], whole[inside] - value[inside]))]
        ring = _Rings(whole[order] - value[order], value[order], open_rows[order])
        for source, target in ring.next_other(count, asks[order]):
            references, targets = order[source], order[target]
            before, after = codes[references][:, columns], codes[targets][:, columns]
            told = ((before != after) & (before != _NONE) & (after != _NONE)).any(axis=1)
            yield rows[references[told]], rows[targets[told]]


class _Rings:
    """Rings that lie one after the other, each in its order."""

    def __init__(self, ring: Hashes, value: Hashes, open_to: NDArray[np.bool_]) -> None:
        """Keep where each ring begins and ends, and where the next candidate of each place is."""
        size = len(ring)
        self.value = value
        first = np.ones(size, bool)
        first[1:] = ring[1:] != ring[:-1]
        starts = np.flatnonzero(first)
        ends = np.append(starts[1:], size)
        number = np.cumsum(first) - 1
        self.start, self.end = starts[number], ends[number]
        # A run is of one value, or of products that are no targets any more.
        kind = np.where(open_to, value, np.uint64(0))
        cut = first.copy()
        cut[1:] |= kind[1:] != kind[:-1]
        run_starts = np.flatnonzero(cut)
        self.run_end = np.append(run_starts[1:], size)[np.cumsum(cut) - 1]
        self.open_to = open_to

    def next_other(self, count: int, asks: NDArray[np.bool_]) -> Iterator[tuple[Places, Places]]:
        """For each asking place, the next `count` places of its ring with another value."""
        source = np.flatnonzero(asks)
        place, walked = source.copy(), np.zeros(len(source), np.int64)
        found = np.zeros(len(source), np.int64)
        while len(source):
            at = np.where(place + 1 == self.end[place], self.start[place], place + 1)
            walked += 1
            fits = self.open_to[at] & (self.value[at] != self.value[source])
            fits &= walked < self.end[source] - self.start[source]
            if fits.any():
                yield source[fits], at[fits]
            found += fits
            # Stand on what fits; jump over the rest of a run that does not.
            last = np.where(fits, at, self.run_end[at] - 1)
            walked += last - at
            go_on = (found < count) & (walked < self.end[source] - self.start[source])
            source, place = source[go_on], last[go_on]
            walked, found = walked[go_on], found[go_on]
