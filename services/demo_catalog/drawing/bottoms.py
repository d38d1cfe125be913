"""Silhouettes of what is worn below: jeans and shorts, seen from the front."""

import numpy as np

from demo_catalog.drawing.geometry import Points, Step, box, flipped, symmetric, trace
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
from demo_catalog.garments import Garment

_SHORTS_HEM = {"short": 0.02, "knee": 0.5}
WAIST = -0.86


def jeans(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """Two long legs with seams, fly and rolled hems; perhaps large patch pockets."""
    leg = rng.uniform(0.0, 0.16)
    outer, inner, hem = 0.44 + leg * 0.5, 0.17 - leg * 0.5, 1.06
    items = _trousers(outer, inner, hem, hip=0.47)
    roll = box(inner - 0.015, hem - 0.1, outer + 0.015, hem + 0.03)
    items += both(Part(roll, "solid", 0.8, lift=0.35, rounding=0.2))
    side = trace(
        [(0.415, -0.62), (0.44, -0.4), (outer - 0.035, (hem - 0.4) / 2, outer - 0.035, 0.9)]
    )
    items += both_lines(stitches(side, 0.01))
    items += leg_creases(rng, inner, outer, 0.9, knee=True)
    items += [Dot(0.0, WAIST + 0.07, 0.032)]
    items += [Part(box(x - 0.025, WAIST - 0.02, x + 0.025, WAIST + 0.16), "solid", 0.72, lift=0.3)
              for x in (-0.28, 0.28)]  # fmt: skip
    fly = trace([(0.1, WAIST + 0.16), (0.1, -0.45), (0.08, -0.34, 0.0, -0.3)])
    items.append(Line(fly, 0.014, "stitch", 1.0))
    if garment.pocket:
        items += pockets(0.12, -0.6, 0.42, -0.2)
    return items


def shorts(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """Wide legs, a drawn waist with cords; perhaps patch pockets."""
    hem = _SHORTS_HEM[garment.length or "short"]
    outer = 0.56 + rng.uniform(-0.02, 0.05)
    items = _trousers(outer, 0.08, hem, hip=0.5)
    cuff = trace([(0.08, hem - 0.09), (outer - 0.005, hem - 0.09)])
    items += both_lines(Line(cuff, 0.022))
    items += both_lines(stitches(cuff + np.array([0.0, 0.03]), 0.01))
    items += leg_creases(rng, 0.08, outer, hem - 0.08, knee=False)
    cord = trace([(0.03, WAIST + 0.12), (0.09, -0.62, 0.07, -0.46)])
    items += both_lines(Line(cord, 0.03, "lace", 1.0))
    if garment.pocket:
        items += pockets(0.16, -0.5, 0.46, -0.16)
    return items


def _trousers(outer: float, inner: float, hem: float, hip: float) -> list[Item]:
    leg = trace([
        (0.0, WAIST), (0.38, WAIST), (0.44, -0.7, hip, -0.4),
        (outer, (hem - 0.4) / 2, outer, hem), (inner, hem),
        (inner * 0.7, (hem - 0.1) / 2, 0.0, -0.14),
    ])  # fmt: skip
    whole = np.concatenate([leg, flipped(leg)[::-1]])
    items: list[Item] = [Part(whole, rounding=0.4)]
    items.append(Line(trace([(0.0, WAIST), (0.0, -0.14)]), 0.02, tone=0.66))
    items += waistband(0.395)
    return items


def waistband(width: float) -> list[Item]:
    """A band around the waist with stitches along both its edges."""
    band = symmetric([(0.0, WAIST + 0.01), (width, WAIST - 0.01), (width + 0.015, WAIST + 0.13),
                      (0.0, WAIST + 0.15)])  # fmt: skip
    edge = trace([(0.0, WAIST + 0.125), (width, WAIST + 0.105)])
    top = trace([(0.0, WAIST + 0.035), (width - 0.01, WAIST + 0.015)])
    return [Part(band, "solid", 0.82, lift=0.35, rounding=0.15),
            *both_lines(stitches(edge, 0.01)), *both_lines(stitches(top, 0.01))]  # fmt: skip


def leg_creases(
    rng: np.random.Generator, inner: float, outer: float, low: float, *, knee: bool
) -> list[Item]:
    """Where trousers give: outwards from the crotch, across the knee, and above the hem."""
    middle = (inner + outer) / 2
    paths: list[tuple[list[Step], float]] = []
    for side in (1.0, -1.0):
        for down in rng.uniform(-0.04, 0.3, 3):
            end = -0.26 + float(down)
            paths.append(([(side * 0.04, -0.2), (side * 0.14, end, side * 0.34, end - 0.03)], 1.1))
        if knee:
            for y in (0.24, 0.36, 0.94):
                y += float(rng.uniform(-0.05, 0.05))
                reach = float(rng.uniform(0.08, 0.14))
                bend: list[Step] = [(side * (middle - reach), y), (side * middle, y + 0.06,
                                    side * (middle + reach), y - 0.01)]  # fmt: skip
                paths.append((bend, 0.9))
        paths.append(
            ([(side * middle, -0.3), (side * (middle + 0.02), 0.0, side * middle, low)], 0.7)
        )
    return [Crease(trace(steps), 0.07, depth) for steps, depth in paths]


def pockets(left: float, top: float, right: float, bottom: float) -> list[Item]:
    """Two patch pockets, of which the right one is given."""
    patch: Points = trace([(left, top), (right, top), (right, bottom - 0.07),
                           ((left + right) / 2, bottom), (left, bottom - 0.07)])  # fmt: skip
    return [*sewn(patch), *sewn(flipped(patch))]
