"""Which of many 64-bit fingerprints lie near each other, without comparing all with all.

By the pigeonhole principle (multi-index hashing, Norouzi et al., CVPR 2012): of two fingerprints
that differ in at most d of 64 bits, one of the four 16-bit quarters differs in at most d // 4. So
each quarter is looked up with that many of its bits turned, and only what is found is compared.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

NEAR: Final = 6
"""Bits; copies of a picture differ in at most 4 (see `catalog.pictures.fingerprints`)."""
_QUARTER_BITS: Final = 16
_QUARTERS: Final = 4
_AT_ONCE: Final = 1 << 21
"""Comparisons at a time, which bounds memory to about 100 MB."""

_Numbers = NDArray[Any]


def near_duplicates(fingerprints: Mapping[str, int], distance: int = NEAR) -> list[tuple[str, ...]]:
    """Groups of two names or more whose fingerprints differ in `distance` bits or fewer, or that a
    chain of such pairs joins; names and groups in order.

    A hundred thousand fingerprints take a few seconds. Raises `ValueError` for a distance over
    15, where looking up costs more than comparing.
    """
    if not 0 <= distance < _QUARTER_BITS:
        raise ValueError("the distance lies between 0 and 15")
    names = sorted(fingerprints)
    every = np.fromiter((fingerprints[name] for name in names), np.uint64, len(names))
    values, of_name = np.unique(every, return_inverse=True)
    labels = _components(values, distance)[of_name]
    groups: dict[int, list[str]] = {}
    for name, label in zip(names, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(name)
    return sorted(tuple(group) for group in groups.values() if len(group) > 1)


def _components(values: _Numbers, distance: int) -> _Numbers:
    """[N] the number of each value's component."""
    quarters = np.ascontiguousarray(values).view(np.uint16).reshape(-1, _QUARTERS)
    lefts, rights = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
    for quarter in range(_QUARTERS):
        for left, right in _candidates(quarters[:, quarter], distance // _QUARTERS):
            near = bits_set(values[left] ^ values[right]) <= distance
            lefts.append(left[near])
            rights.append(right[near])
    edges = (np.concatenate(lefts), np.concatenate(rights))
    shape = (len(values), len(values))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=shape)
    labels: _Numbers = connected_components(graph, directed=False)[1]
    return labels


def _candidates(keys: _Numbers, radius: int) -> Iterator[tuple[_Numbers, _Numbers]]:
    """Pairs of positions whose keys differ in at most `radius` bits, each once, some at a time."""
    order = np.argsort(keys, kind="stable")
    kinds, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    kind_of = np.repeat(np.arange(len(kinds)), counts)
    rows = np.arange(len(keys))
    # Two of one kind: each row with those of its kind behind it.
    yield from _pairs(order, rows, rows + 1, starts[kind_of] + counts[kind_of] - rows - 1)
    for mask in _masks(radius):
        turned = kinds ^ np.uint16(mask)
        at = np.minimum(np.searchsorted(kinds, turned), len(kinds) - 1)
        met = (kinds[at] == turned) & (kinds < turned)
        rows = np.flatnonzero(met[kind_of])
        other = at[kind_of[rows]]
        yield from _pairs(order, rows, starts[other], counts[other])


def _pairs(
    order: _Numbers, rows: _Numbers, begins: _Numbers, sizes: _Numbers
) -> Iterator[tuple[_Numbers, _Numbers]]:
    """Each row with the `sizes` rows that begin at `begins`, as positions before the sorting."""
    pieces = np.cumsum(sizes) // _AT_ONCE
    for piece in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(pieces)) + 1):
        size = sizes[piece]
        ends = np.cumsum(size)
        total = int(ends[-1]) if len(ends) else 0
        right = np.arange(total) + np.repeat(begins[piece] - (ends - size), size)
        yield order[np.repeat(rows[piece], size)], order[right]


def _masks(radius: int) -> Iterator[int]:
    for bits in range(1, radius + 1):
        for places in combinations(range(_QUARTER_BITS), bits):
            yield sum(1 << place for place in places)


def bits_set(numbers: _Numbers) -> _Numbers:
    """How many bits of each uint64 are set (Warren, Hacker's Delight, 5-1)."""
    one, two, four = np.uint64(1), np.uint64(2), np.uint64(4)
    numbers = numbers - (numbers >> one & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    numbers = (numbers & pairs) + (numbers >> two & pairs)
    numbers = numbers + (numbers >> four) & np.uint64(0x0F0F0F0F0F0F0F0F)
    sums: _Numbers = numbers * np.uint64(0x0101010101010101) >> np.uint64(56)
    return sums
