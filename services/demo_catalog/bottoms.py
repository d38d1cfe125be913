"""Silhouettes of what is worn below: jeans, shorts and skirt, seen from the front."""

import numpy as np

from demo_catalog.garments import Garment
from demo_catalog.geometry import Points, box, flipped, symmetric, trace
from demo_catalog.parts import Dot, Item, Line, Part, both, both_lines, sewn

_SHORTS_HEM = {"short": 0.02, "knee": 0.5}
_SKIRT_HEM = {"short": 0.0, "knee": 0.62, "long": 1.4}
_SKIRT_FLARE = {"short": 0.6, "knee": 0.68, "long": 0.78}
_WAIST = -0.86


def jeans(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """Two long legs with seams, fly and rolled hems; perhaps large patch pockets."""
    leg = rng.uniform(0.0, 0.16)
    outer, inner, hem = 0.44 + leg * 0.5, 0.17 - leg * 0.5, 1.06
    items = _trousers(outer, inner, hem, hip=0.47)
    roll = box(inner - 0.015, hem - 0.1, outer + 0.015, hem + 0.03)
    items += both(Part(roll, "solid", 0.8, lift=0.35, rounding=0.2))
    items += [Dot(0.0, _WAIST + 0.07, 0.032)]
    items += [Part(box(x - 0.025, _WAIST - 0.02, x + 0.025, _WAIST + 0.16), "solid", 0.72, lift=0.3)
              for x in (-0.28, 0.28)]  # fmt: skip
    fly = trace([(0.1, _WAIST + 0.16), (0.1, -0.45), (0.08, -0.34, 0.0, -0.3)])
    items.append(Line(fly, 0.014, "stitch", 1.0))
    if garment.pocket:
        items += _pockets(0.12, -0.6, 0.42, -0.2)
    return items


def shorts(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """Wide legs, a drawn waist with cords; perhaps patch pockets."""
    hem = _SHORTS_HEM[garment.length or "short"]
    outer = 0.56 + rng.uniform(-0.02, 0.05)
    items = _trousers(outer, 0.08, hem, hip=0.5)
    cuff = trace([(0.08, hem - 0.09), (outer - 0.005, hem - 0.09)])
    items += both_lines(Line(cuff, 0.022))
    cord = trace([(0.03, _WAIST + 0.12), (0.09, -0.62, 0.07, -0.46)])
    items += both_lines(Line(cord, 0.03, "lace", 1.0))
    if garment.pocket:
        items += _pockets(0.16, -0.5, 0.46, -0.16)
    return items


def skirt(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """A waistband over a flared, pleated piece; perhaps front buttons and pockets."""
    hem = _SKIRT_HEM[garment.length or "knee"]
    flare = _SKIRT_FLARE[garment.length or "knee"] + rng.uniform(-0.05, 0.07)
    body = symmetric([
        (0.0, _WAIST), (0.36, _WAIST), (0.44, _WAIST + 0.25, flare, hem),
        (flare * 0.5, hem + 0.09, 0.0, hem + 0.09),
    ])  # fmt: skip
    items: list[Item] = [Part(body)]
    for share in (0.3, 0.62):
        top, bottom = (0.36 * share, _WAIST + 0.1), (flare * share, hem + 0.06)
        pleat = trace([top, (0.42 * share, -0.6, *bottom)])
        items += both_lines(Line(pleat, 0.016, tone=0.74))
    items += _waistband(0.375)
    if garment.buttons:
        strip = box(-0.075, _WAIST + 0.005, 0.075, hem + 0.085)
        items.append(Part(strip, "solid", 0.9, lift=0.3, rounding=0.1))
        items += [Dot(0.0, float(y), 0.052) for y in np.linspace(_WAIST + 0.075, hem - 0.04, 5)]
    if garment.pocket:
        items += _pockets(0.11, -0.62, 0.38, -0.3)
    return items


def _trousers(outer: float, inner: float, hem: float, hip: float) -> list[Item]:
    leg = trace([
        (0.0, _WAIST), (0.38, _WAIST), (0.44, -0.7, hip, -0.4),
        (outer, (hem - 0.4) / 2, outer, hem), (inner, hem),
        (inner * 0.7, (hem - 0.1) / 2, 0.0, -0.14),
    ])  # fmt: skip
    whole = np.concatenate([leg, flipped(leg)[::-1]])
    items: list[Item] = [Part(whole, rounding=0.4)]
    items.append(Line(trace([(0.0, _WAIST), (0.0, -0.14)]), 0.02, tone=0.66))
    items += _waistband(0.395)
    return items


def _waistband(width: float) -> list[Item]:
    band = symmetric([(0.0, _WAIST + 0.01), (width, _WAIST - 0.01), (width + 0.015, _WAIST + 0.13),
                      (0.0, _WAIST + 0.15)])  # fmt: skip
    return [Part(band, "solid", 0.82, lift=0.35, rounding=0.15)]


def _pockets(left: float, top: float, right: float, bottom: float) -> list[Item]:
    patch: Points = trace([(left, top), (right, top), (right, bottom - 0.07),
                           ((left + right) / 2, bottom), (left, bottom - 0.07)])  # fmt: skip
    return [*sewn(patch), *sewn(flipped(patch))]
