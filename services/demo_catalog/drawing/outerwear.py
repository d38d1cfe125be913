"""Silhouettes of hoodies and coats."""

import numpy as np

from demo_catalog.drawing.arms import Arms
from demo_catalog.drawing.geometry import box, symmetric, trace
from demo_catalog.drawing.parts import Dot, Item, Line, Part, both, both_lines, sewn, stitches
from demo_catalog.drawing.sewing import (
    back_neck,
    hanging_creases,
    hood_back,
    hood_front,
    patch_pocket,
    sleeves,
    torso_creases,
)
from demo_catalog.garments import Garment

_COAT_HEM = {"short": 0.52, "knee": 1.05, "long": 1.62}
_LAPEL_TIP = {"short": -0.12, "knee": 0.0, "long": 0.06}


def hoodie(garment: Garment, rng: np.random.Generator, arms: Arms | None) -> list[Item]:
    """A hood, cords, ribbed hem and cuffs, perhaps a kangaroo pocket."""
    hem = rng.uniform(0.52, 0.58)
    bare = garment.sleeve == "none"
    body = symmetric([
        (0.0, -0.56), (0.16, -0.64, 0.28, -0.78), (0.46 if bare else 0.56, -0.68),
        (0.44, -0.4, 0.54, -0.22), (hem + 0.03, 0.3, hem, 0.7), (0.0, 0.74),
    ])  # fmt: skip
    rib = symmetric([(0.0, 0.68), (hem - 0.01, 0.66), (hem - 0.05, 0.84), (0.0, 0.86)])
    items: list[Item] = hood_back()
    items += sleeves(garment.sleeve, rng, arms, cuffs=True)
    items += [Part(body, lift=0.3), Part(rib, "solid", 0.84, lift=0.2, weave="rib")]
    items += [*torso_creases(rng, 0.66), *hood_front()]
    cord = trace([(0.1, -0.6), (0.13, -0.45, 0.1, -0.3)])
    items += both_lines(Line(cord, 0.034, "lace", 1.0))
    items += both_lines(Line(cord[-3:] + np.array([0.0, 0.02]), 0.05, "lace", 0.82))
    if garment.pocket:
        items += sewn(symmetric([(0.0, 0.22), (0.24, 0.22), (0.39, 0.46), (0.39, 0.66), (0, 0.66)]))
    return items


def coat(garment: Garment, rng: np.random.Generator, arms: Arms | None) -> list[Item]:
    """Heavy, open at the neck; lapels or a hood, perhaps two rows of buttons and flap pockets."""
    hem = _COAT_HEM[garment.length or "knee"]
    flare = 0.54 + 0.13 * (hem - 0.5) + rng.uniform(-0.02, 0.03)
    body = symmetric([
        (0.0, -0.5), (0.26, -0.82), (0.6, -0.68), (0.48, -0.4, 0.54, -0.2),
        (0.48, 0.1, flare, hem), (0.0, hem + 0.05),
    ])  # fmt: skip
    items: list[Item] = hood_back() if garment.hood else [back_neck(0.28)]
    items += sleeves("long", rng, arms, cuffs=True, width=0.05)
    items += [Part(body, lift=0.3), Line(trace([(0.0, -0.46), (0.0, hem + 0.04)]), 0.03, tone=0.6)]
    items += torso_creases(rng, 0.5)
    items += hanging_creases(rng, 5, 0.2, hem, 0.34, flare - 0.08)
    edge = np.array([0.05, 0.0])
    items.append(stitches(trace([(0.0, -0.3), (0.0, hem)]) + edge, 0.01))
    hem_line = trace([(flare - 0.02, hem - 0.06), (flare * 0.5, hem - 0.02, 0.0, hem - 0.02)])
    items += both_lines(stitches(hem_line, 0.01))
    if garment.hood:
        items += hood_front()
    else:
        tip = _LAPEL_TIP[garment.length or "knee"]
        lapel = trace([(0.24, -0.86), (0.34, -0.74), (0.42, -0.42), (0.3, -0.38), (0.02, tip),
                       (0.0, -0.45)])  # fmt: skip
        items += both(Part(lapel, "solid", 0.88, lift=0.6, rounding=0.15))
        notch = trace([(0.42, -0.44), (0.27, -0.5)])
        items += both_lines(Line(notch, 0.014))
        seam = trace([(0.385, -0.44), (0.285, -0.41), (0.04, tip - 0.05)])
        items += both_lines(stitches(seam, 0.01))
    if garment.buttons:
        low = min(hem - 0.16, 0.75)
        top = -0.3 if garment.hood else _LAPEL_TIP[garment.length or "knee"] + 0.06
        count = 3 if low - top < 0.6 else 4
        panel = box(-0.2, top - 0.1, 0.2, low + 0.1)
        items.append(Part(panel, "solid", 0.94, lift=0.25, rounding=0.1))
        items.append(Line(trace([(0.0, top - 0.1), (0.0, low + 0.1)]), 0.03, tone=0.6))
        for y in np.linspace(top, low, count):
            items += [Dot(side * 0.12, float(y), 0.055) for side in (-1.0, 1.0)]
    if garment.pocket:
        y = 0.16 if garment.length == "short" else 0.24
        for part in both(Part(patch_pocket(0.2, y, 0.47, y + 0.3))):
            items += sewn(part.outline)
        flap = box(0.18, y - 0.02, 0.49, y + 0.09)
        items += both(Part(flap, "solid", 0.74, lift=0.5, rounding=0.1))
    return items
