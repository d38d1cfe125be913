"""Garments and wishes as vectors over all attribute values.

A garment is one 1 per attribute; a wish is a 1 for every value it allows. A garment satisfies a
wish when their product counts every attribute, so one matrix product compares whole batches.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from demo_catalog.garments import ATTRIBUTES, CATEGORIES, Garment, Value


def _values() -> dict[str, tuple[Value, ...]]:
    values: dict[str, tuple[Value, ...]] = {"category": CATEGORIES}
    for name, by_category in ATTRIBUTES.items():
        found: list[Value] = []
        for category in CATEGORIES:
            missing: Value = False if name in ("hood", "pocket", "buttons") else None
            for value in by_category.get(category, (missing,)):
                if value not in found:
                    found.append(value)
        values[name] = tuple(found)
    return values


VALUES: Final[Mapping[str, tuple[Value, ...]]] = _values()
"""attribute -> every value it can take; None or False where a category has none of it."""

NAMES: Final = tuple(VALUES)
SIZES: Final = tuple(len(values) for values in VALUES.values())
WIDTH: Final = sum(SIZES)
_OFFSETS: Final = dict(zip(NAMES, np.cumsum((0, *SIZES[:-1])).tolist(), strict=True))

Wish = Mapping[str, frozenset[Value]]
"""attribute -> allowed values; an attribute that is absent may be anything."""


def garment_vector(garment: Garment) -> NDArray[np.uint8]:
    """[WIDTH] with one 1 per attribute."""
    return wish_vector({name: frozenset([getattr(garment, name)]) for name in NAMES})


def garment_matrix(garments: Iterable[Garment]) -> NDArray[np.uint8]:
    """[N, WIDTH]."""
    return np.stack([garment_vector(garment) for garment in garments])


def wish_vector(wish: Wish) -> NDArray[np.uint8]:
    """[WIDTH] with a 1 for each allowed value."""
    vector = np.zeros(WIDTH, np.uint8)
    for name, values in VALUES.items():
        allowed = wish.get(name)
        for index, value in enumerate(values):
            vector[_OFFSETS[name] + index] = allowed is None or value in allowed
    return vector


def satisfies(wish: Wish, garment: Garment) -> bool:
    """Whether one garment satisfies one wish."""
    return all(getattr(garment, name) in allowed for name, allowed in wish.items())


def satisfying(wishes: NDArray[np.uint8], garments: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """[Q, N]: which garments satisfy which wishes, from [Q, WIDTH] and [N, WIDTH]."""
    # In float32, whose matrix product is fast; the counts are small whole numbers.
    counts = wishes.astype(np.float32) @ garments.astype(np.float32).T
    return counts > len(NAMES) - 0.5
