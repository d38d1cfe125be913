"""Which shape each category has."""

from collections.abc import Callable
from typing import Final

import numpy as np

from demo_catalog.drawing import accessories, bottoms, outerwear, skirts, tops
from demo_catalog.drawing.arms import Arms
from demo_catalog.drawing.parts import Item, Part
from demo_catalog.drawing.prints import printed
from demo_catalog.garments import Garment

_WITH_ARMS: Final[dict[str, Callable[[Garment, np.random.Generator, Arms | None], list[Item]]]] = {
    "hoodie": outerwear.hoodie,
    "coat": outerwear.coat,
    "shirt": tops.shirt,
    "t-shirt": tops.tshirt,
    "dress": skirts.dress,
}
_OTHERS: Final[dict[str, Callable[[Garment, np.random.Generator], list[Item]]]] = {
    "jeans": bottoms.jeans,
    "skirt": skirts.skirt,
    "shorts": bottoms.shorts,
    "sneakers": accessories.sneakers,
    "hat": accessories.hat,
}
HAS_ARMS: Final = frozenset(_WITH_ARMS)
"""Categories that leave the wearer's arms to be seen, or cover them."""


def silhouette(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """Everything the garment is made of, from back to front, in garment units."""
    return _items(garment, rng, None) + printed(garment)


def worn_silhouette(garment: Garment, rng: np.random.Generator, arms: Arms) -> list[Item]:
    """The same without what is hidden while someone wears it, sleeves around the ``arms``."""
    items = _items(garment, rng, arms)
    seen = [item for item in items if not (isinstance(item, Part) and item.paint == "lining")]
    return seen + printed(garment)


def _items(garment: Garment, rng: np.random.Generator, arms: Arms | None) -> list[Item]:
    if garment.category in _WITH_ARMS:
        return _WITH_ARMS[garment.category](garment, rng, arms)
    return _OTHERS[garment.category](garment, rng)
