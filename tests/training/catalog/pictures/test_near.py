"""Near fingerprints found without comparing all with all, held to comparing all with all."""

import time

import numpy as np
import pytest

from catalog.pictures.near import near_duplicates


def by_hand(fingerprints: dict[str, int], distance: int) -> list[tuple[str, ...]]:
    """All pairs, then a walk through the graph."""
    near = {
        name: [
            other
            for other in fingerprints
            if (fingerprints[name] ^ fingerprints[other]).bit_count() <= distance
        ]
        for name in fingerprints
    }
    groups, seen = [], set()
    for name in sorted(near):
        group, waiting = set(), [name]
        while waiting:
            at = waiting.pop()
            if at not in group:
                group.add(at)
                waiting.extend(near[at])
        if name not in seen and len(group) > 1:
            groups.append(tuple(sorted(group)))
        seen |= group
    return sorted(groups)


@pytest.mark.parametrize("distance", [0, 3, 4, 6, 7, 9])
def test_as_by_hand(distance: int) -> None:
    rng = np.random.default_rng(distance)
    fingerprints: dict[str, int] = {}
    for family in range(60):
        base = int(rng.integers(0, 2**64, dtype=np.uint64))
        for member in range(6):
            turned = rng.choice(64, rng.integers(0, 10), replace=False).tolist()
            fingerprints[f"{family}-{member}"] = base ^ sum(1 << bit for bit in turned)
    groups = by_hand(fingerprints, distance)
    assert groups
    assert near_duplicates(fingerprints, distance) == groups


def test_bits_in_every_place() -> None:
    """Six turned bits, wherever they lie, are found; seven are not."""
    rng = np.random.default_rng(1)
    fingerprints: dict[str, int] = {}
    for number in range(2000):
        base = int(rng.integers(0, 2**64, dtype=np.uint64))
        turned = rng.choice(64, 6 + number % 2, replace=False).tolist()
        fingerprints[f"{number:04} base"] = base
        fingerprints[f"{number:04} turned"] = base ^ sum(1 << place for place in turned)
    assert near_duplicates(fingerprints) == [
        (f"{number:04} base", f"{number:04} turned") for number in range(0, 2000, 2)
    ]


def test_a_hundred_thousand_with_many_equal() -> None:
    rng = np.random.default_rng(2)
    values = rng.integers(0, 2**64, 100_000, dtype=np.uint64)
    values[:20_000] = values[0]
    # Packshots resemble each other: many share a quarter of their bits.
    values[20_000:30_000] &= np.uint64(0xFFFFFFFFFFFF0000)
    fingerprints = {f"{number:06}": value for number, value in enumerate(values.tolist())}
    begin = time.process_time()
    groups = near_duplicates(fingerprints)
    assert time.process_time() - begin < 40
    assert len(groups[0]) == 20_000


def test_none_and_one() -> None:
    assert near_duplicates({}) == []
    assert near_duplicates({"a": 1}) == []
    with pytest.raises(ValueError, match="between 0 and 15"):
        near_duplicates({}, 16)
