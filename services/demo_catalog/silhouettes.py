"""Which shape each category has."""

from collections.abc import Callable
from typing import Final

import numpy as np

from demo_catalog import accessories, bottoms, tops
from demo_catalog.garments import Garment
from demo_catalog.parts import Item
from demo_catalog.prints import printed

_SHAPES: Final[dict[str, Callable[[Garment, np.random.Generator], list[Item]]]] = {
    "hoodie": tops.hoodie,
    "coat": tops.coat,
    "jeans": bottoms.jeans,
    "shirt": tops.shirt,
    "t-shirt": tops.tshirt,
    "dress": tops.dress,
    "skirt": bottoms.skirt,
    "shorts": bottoms.shorts,
    "sneakers": accessories.sneakers,
    "hat": accessories.hat,
}


def silhouette(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """Everything the garment is made of, from back to front, in garment units."""
    return _SHAPES[garment.category](garment, rng) + printed(garment)
