"""Silhouettes of what flares: the skirt, and the dress."""

import numpy as np

from demo_catalog.drawing.arms import Arms
from demo_catalog.drawing.bottoms import WAIST, pockets, waistband
from demo_catalog.drawing.geometry import Step, box, symmetric, trace
from demo_catalog.drawing.parts import (
    Crease,
    Dot,
    Item,
    Line,
    Part,
    both,
    both_lines,
    sewn,
    stitches,
)
from demo_catalog.drawing.sewing import (
    back_neck,
    hanging_creases,
    neckband,
    patch_pocket,
    sleeves,
    swaying_hem,
)
from demo_catalog.garments import Garment

_SKIRT_HEM = {"short": 0.0, "knee": 0.62, "long": 1.4}
_SKIRT_FLARE = {"short": 0.6, "knee": 0.68, "long": 0.78}
_DRESS_HEM = {"short": 0.68, "knee": 1.15, "long": 1.84}
_DRESS_FLARE = {"short": 0.56, "knee": 0.68, "long": 0.8}


def skirt(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """A waistband over a flared, pleated piece; perhaps front buttons and pockets."""
    hem = _SKIRT_HEM[garment.length or "knee"]
    flare = _SKIRT_FLARE[garment.length or "knee"] + rng.uniform(-0.05, 0.07)
    body = symmetric([
        (0.0, WAIST), (0.36, WAIST), (0.44, WAIST + 0.25, flare, hem),
        *swaying_hem(flare, hem, 0.07),
    ])  # fmt: skip
    items: list[Item] = [Part(body)]
    for share in (0.3, 0.62):
        top, bottom = (0.36 * share, WAIST + 0.1), (flare * share, hem + 0.06)
        pleat = trace([top, (0.42 * share, -0.6, *bottom)])
        items += both_lines(Line(pleat, 0.016, tone=0.74))
    items += hanging_creases(rng, 7, WAIST + 0.12, hem, 0.4, flare)
    hem_line = trace(swaying_hem(flare - 0.015, hem - 0.055, 0.07))
    items += both_lines(stitches(hem_line, 0.01))
    items += waistband(0.375)
    if garment.buttons:
        strip = box(-0.075, WAIST + 0.005, 0.075, hem + 0.085)
        items.append(Part(strip, "solid", 0.9, lift=0.3, rounding=0.1))
        items += [Dot(0.0, float(y), 0.052) for y in np.linspace(WAIST + 0.075, hem - 0.04, 5)]
    if garment.pocket:
        items += pockets(0.11, -0.62, 0.38, -0.3)
    return items


def dress(garment: Garment, rng: np.random.Generator, arms: Arms | None) -> list[Item]:
    """A fitted bodice over a flared skirt; perhaps buttons down the front and hip pockets."""
    hem = _DRESS_HEM[garment.length or "knee"]
    flare = _DRESS_FLARE[garment.length or "knee"] + rng.uniform(-0.04, 0.05)
    bare = garment.sleeve == "none"
    depth = rng.uniform(-0.58, -0.48)
    shoulder = 0.3 if bare else 0.42
    neck: list[Step] = [(0.0, depth), (0.14, depth - 0.02, 0.2, -0.8)]
    bodice: list[Step] = [*neck, (shoulder, -0.77 if bare else -0.72), (0.3, -0.45, 0.38, -0.34)]
    body = symmetric([
        *bodice, (0.34, -0.1, 0.3, 0.0), (0.38, 0.12, flare, hem),
        *swaying_hem(flare, hem, 0.055),
    ])  # fmt: skip
    items: list[Item] = [back_neck(0.2)]
    items += sleeves(garment.sleeve, rng, arms, slim=True)
    items += [Part(body, lift=0.3), *neckband(neck)]
    items += hanging_creases(rng, 7, 0.03, hem, 0.28, flare)
    for side in (1.0, -1.0):
        for x, y in ((0.08, -0.12), (0.14, -0.24)):
            bend = trace([(side * 0.31, -0.08), (side * 0.22, y, side * x, y)])
            items.append(Crease(bend, 0.05, 0.8))
    hem_line = trace(swaying_hem(flare - 0.02, hem - 0.055, 0.055))
    items += both_lines(stitches(hem_line, 0.01))
    belt = box(-0.315, -0.05, 0.315, 0.05)
    items.append(Part(belt, "solid", 0.82, lift=0.3, rounding=0.15))
    for x in (0.1, 0.22):
        items += both_lines(Line(trace([(x, 0.05), (x * 1.6, 0.3, x * flare * 3, hem)]), 0.014))
    if garment.buttons:
        low = min(hem - 0.08, 0.9)
        strip = box(-0.075, depth, 0.075, hem + 0.065)
        items.append(Part(strip, "solid", 0.9, lift=0.3, rounding=0.1))
        items += [Dot(0.0, float(y), 0.05) for y in np.linspace(depth + 0.1, low, 7)]
    if garment.pocket:
        for part in both(Part(patch_pocket(0.12, 0.18, 0.4, 0.48))):
            items += sewn(part.outline)
    return items
