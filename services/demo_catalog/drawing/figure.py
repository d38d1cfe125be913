"""Who wears the garment: head, neck, arms and legs, and the quiet rest of the clothes.

All in the garment's own units, so that the figure fits it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from demo_catalog.drawing.arms import Arms, bare_arms, sample_arms
from demo_catalog.drawing.geometry import Points, ellipse, symmetric, trace, tube
from demo_catalog.drawing.heads import face, hair_behind, head
from demo_catalog.drawing.parts import Item, Line, Part, both, extent
from demo_catalog.drawing.silhouettes import HAS_ARMS, silhouette, worn_silhouette
from demo_catalog.garments import Garment

_SKIRT_LEGS: Final = 1.62
"""Where the ankles of a skirt's wearer are."""


@dataclass(frozen=True, slots=True)
class Worn:
    """Everything to paint, from back to front, and what of it the picture shows."""

    items: list[Item]
    garment: Points
    """Lowest and highest corner [2, 2] of the garment itself."""
    view: Points
    """The same of what should be in the picture."""


def wear(garment: Garment, rng: np.random.Generator) -> Worn:
    """The garment on a figure, in garment units."""
    if garment.category in HAS_ARMS:
        return _above(garment, rng)
    items = silhouette(garment, rng)
    items = [item for item in items if not (isinstance(item, Part) and item.paint == "lining")]
    bounds = extent(items)
    if garment.category == "hat":
        behind, view = _under_a_hat(rng), (-0.95, float(rng.uniform(1.25, 1.6)))
    elif garment.category == "sneakers":
        behind, view = _in_sneakers(rng), (float(rng.uniform(-1.7, -1.45)), 0.8)
    else:
        low = float(bounds[1, 1])
        behind = _below(garment, low, rng)
        view = (float(rng.uniform(-1.5, -1.05)), low + float(rng.uniform(0.18, 0.5)))
    return Worn([*behind, *items], bounds, _view(*view))


def _view(top: float, bottom: float) -> Points:
    half = max((bottom - top) / 2, 0.95)
    middle = (top + bottom) / 2
    return np.array([[-half, middle - half], [half, middle + half]])


def _above(garment: Garment, rng: np.random.Generator) -> Worn:
    """Hoodie, coat, shirt, t-shirt and dress: the whole figure down to the knees or the feet."""
    slim = garment.category == "dress"
    arms: Arms = sample_arms(rng)
    items = worn_silhouette(garment, rng, arms)
    bounds = extent(items)
    low = float(bounds[1, 1])
    legs = _bare_legs(low - 0.3, max(low + 0.5, 2.5), 0.17) if slim else _trousers(rng)
    hooded = garment.hood
    behind: list[Item] = [*legs, *bare_arms(arms, slim=slim)]
    if hooded:
        items = _with_face_in_hood(items, rng)
    else:
        behind += [*hair_behind(rng), *_neck(garment), *head(0.0, -1.22, 0.27, rng)]
    top = float(rng.uniform(-1.65, -1.3) if hooded else rng.uniform(-1.72, -1.12))
    view = _view(top, low + float(rng.uniform(0.18, 0.5)))
    return Worn([*behind, *items], bounds, view)


def _with_face_in_hood(items: list[Item], rng: np.random.Generator) -> list[Item]:
    """The face goes behind the edge of the opening, which is its last line but for the cords."""
    place = next(i for i, item in enumerate(items) if isinstance(item, Part) and item.tone == 0.45)
    return [*items[: place + 1], *face(0.0, -0.86, 0.185, rng), *items[place + 1 :]]


def _neck(garment: Garment) -> list[Item]:
    """Throat and chest, as far as a neckline shows them; under a coat another top."""
    skin = symmetric([(0.0, -1.05), (0.12, -1.02), (0.13, -0.86, 0.3, -0.76), (0.24, -0.5),
                      (0.0, -0.36)])  # fmt: skip
    items: list[Item] = [Part(skin, "skin", 0.94, rounding=0.25)]
    if garment.category == "coat":
        under = symmetric([(0.0, -0.74), (0.16, -0.86), (0.34, -0.76), (0.3, -0.3), (0.0, 0.0)])
        items.append(Part(under, "under", lift=0.2))
    return items


def _trousers(rng: np.random.Generator) -> list[Item]:
    apart = float(rng.uniform(0.04, 0.16))
    leg = trace([(0.0, 0.2), (0.42, 0.2), (0.47, 0.7), (0.36 + apart, 1.6), (0.32 + apart, 2.8),
                 (0.06 + apart, 2.8), (0.05 + apart, 1.6), (0.0, 0.75)])  # fmt: skip
    return list(both(Part(leg, "other", rounding=0.5)))


def _bare_legs(top: float, ankle: float, apart: float) -> list[Item]:
    """Skin down to quiet shoes."""
    height = ankle - top
    path = trace([(apart, top), (apart + 0.01, top + 0.5 * height), (apart - 0.01, ankle)])
    smooth = np.stack([np.interp(np.linspace(0, 2, 24), (0, 1, 2), path[:, i]) for i in (0, 1)], 1)
    shape = tube(smooth, [0.16, 0.14, 0.115, 0.1, 0.112, 0.09, 0.06])
    shoe = trace([(-0.09, -0.04), (0.07, -0.04), (0.14, 0.16), (0.1, 0.22, -0.06, 0.2),
                  (-0.12, 0.16)]) + np.array([apart, ankle])  # fmt: skip
    return [*both(Part(shape, "skin", rounding=0.45)), *both(Part(shoe, "other", rounding=0.3))]


def _below(garment: Garment, low: float, rng: np.random.Generator) -> list[Item]:
    """Jeans, shorts and skirt: a quiet top tucked in above, hands, and what the hem leaves bare."""
    items: list[Item] = []
    if garment.category == "jeans":
        shoe = trace([(0.16, 0.98), (0.44, 0.98), (0.46, 1.18), (0.3, 1.26, 0.16, 1.18)])
        items += both(Part(shoe, "other", rounding=0.3))
    elif garment.category == "shorts":
        items += _bare_legs(low - 0.3, max(low + 0.55, 1.15), 0.3)
    else:
        items += _bare_legs(low - 0.3, max(low + 0.25, _SKIRT_LEGS), 0.2)
    chest = symmetric(
        [(0.0, -2.4), (0.5, -2.3), (0.48, -1.9), (0.4, -1.3, 0.385, -0.74), (0.0, -0.7)]
    )
    items.append(Part(chest, "under", rounding=0.4))
    for side in (1.0, -1.0):
        bend = float(rng.uniform(0.6, 0.78))
        reach = float(rng.uniform(0.44, 0.62))
        path = trace(
            [
                (side * 0.5, -2.2),
                (side * bend, -1.3),
                (side * (bend + 0.04), -1.1, side * reach, -0.42),
            ]
        )
        arm = tube(path, [0.11, 0.09, 0.07])
        hand = ellipse(side * reach, -0.34, 0.075, 0.12)
        items += [Part(hand, "skin"), Part(arm, "skin", rounding=0.4)]
        sleeve = tube(path[:2], [0.16, 0.14])
        items.append(Part(sleeve, "under", rounding=0.4))
    return items


def _under_a_hat(rng: np.random.Generator) -> list[Item]:
    """A head, a neck and shoulders."""
    shoulders = symmetric([(0.0, 1.34), (0.3, 1.36), (1.0, 1.56, 1.3, 2.3), (0.0, 2.4)])
    neck = symmetric([(0.0, 0.9), (0.27, 0.92), (0.27, 1.2, 0.4, 1.42), (0.0, 1.62)])
    behind = hair_behind(rng, at=(0.0, 0.5), radius=0.56)
    return [*behind, Part(shoulders, "under", rounding=0.4), Part(neck, "skin", 0.9),
            *head(0.0, 0.46, 0.54, rng)]  # fmt: skip


def _in_sneakers(rng: np.random.Generator) -> list[Item]:
    """One leg to the shoe, in a sock and a trouser leg that ends above it."""
    lean = float(rng.uniform(-0.12, 0.2))
    hem = float(rng.uniform(-0.98, -0.72))
    path = trace([(-0.6, 0.0), (-0.6, -0.6), (-0.6 + lean, -2.6)])
    sock = tube(np.linspace([-0.6, 0.1], [-0.6 + 0.2 * lean, hem - 0.3], 6), [0.2, 0.185, 0.2])
    leg = tube(np.linspace([-0.6 + 0.1 * lean, hem], path[-1], 6), [0.27, 0.28, 0.34])
    rings = [trace([(-0.79, y), (-0.6, y + 0.025, -0.41, y)]) for y in (hem + 0.06, hem + 0.12)]
    bare = bool(rng.random() < 0.4)
    items: list[Item] = [Part(sock, "skin" if bare else "under", rounding=0.5, weave="rib")]
    if not bare:
        items += [Line(ring, 0.02, "ink", 1.6) for ring in rings]
    return [*items, Part(leg, "other", lift=0.3, rounding=0.5)]
