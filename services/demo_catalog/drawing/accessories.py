"""Silhouettes of sneakers (from the side) and hats (from the front)."""

from dataclasses import replace

import numpy as np

from demo_catalog.drawing.geometry import Points, ellipse, symmetric, trace
from demo_catalog.drawing.parts import Crease, Dot, Item, Line, Part, both_lines, moved, stitches
from demo_catalog.garments import Garment

_VISOR_SEAMS = (0.34, 0.41, 0.48)


def sneakers(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """One shoe from the side, sometimes with the other one behind it."""
    high = bool(rng.random() < 0.4)
    items: list[Item] = []
    if rng.random() < 0.35:
        shift = np.array([0.14, -0.2])
        items += [moved(replace(item, tone=item.tone * 0.8), lambda points: points + shift)
                  for item in _shoe(high) if isinstance(item, Part)]  # fmt: skip
    return items + _shoe(high)


def _shoe(high: bool) -> list[Item]:
    top = -0.74 if high else -0.5
    upper = trace([
        (-0.92, 0.3), (-0.97, -0.1, -0.86, top), (-0.62, top + 0.16, -0.34, top - 0.06),
        (-0.12, -0.3), (0.1, -0.06, 0.5, 0.0), (0.92, 0.06, 0.95, 0.32),
    ])  # fmt: skip
    inside = trace([(-0.85, top + 0.03), (-0.6, top - 0.1, -0.36, top - 0.03), (-0.5, top + 0.16),
                    (-0.7, top + 0.16)])  # fmt: skip
    tongue = trace([(-0.38, top - 0.08), (-0.26, top - 0.16), (0.04, -0.2), (-0.08, -0.08)])
    sole = trace([(-0.97, 0.26), (0.0, 0.34, 0.97, 0.26), (1.03, 0.5, 0.86, 0.52), (-0.9, 0.52),
                  (-1.0, 0.5, -0.97, 0.26)])  # fmt: skip
    toe = trace([(0.56, 0.31), (0.56, 0.08, 0.66, 0.02), (0.97, 0.1, 0.96, 0.31)])
    heel = trace([(-0.93, 0.28), (-0.96, 0.0, -0.87, top + 0.06), (-0.74, top + 0.14),
                  (-0.72, 0.0, -0.66, 0.3)])  # fmt: skip
    tread = trace([(-0.95, 0.43), (0.0, 0.47, 0.96, 0.42)])
    items: list[Item] = [
        Part(inside, "lining", 0.9),
        Part(tongue, "solid", 0.8),
        Part(upper, rounding=0.45),
        Part(heel, "solid", 0.74, lift=0.3, rounding=0.2),
        Part(toe, "sole", 0.97, lift=0.3, rounding=0.3),
        Part(sole, "sole", 1.0, lift=0.3, rounding=0.25),
        Line(tread, 0.025, "sole", 0.72),
    ]
    ribs = [trace([(x, 0.36), (x, 0.43)]) for x in np.arange(-0.9, 0.95, 0.05)]
    items += [Line(rib, 0.012, "sole", 0.84) for rib in ribs[::2]]
    items += _panels(top)
    count = 5 if high else 4
    for t in np.linspace(0.06, 0.94, count):
        x, y = -0.32 + 0.5 * t, top + 0.02 + t * (-0.1 - top)
        items.append(Line(trace([(x - 0.07, y + 0.15), (x + 0.07, y - 0.03)]), 0.05, "lace", 1.0))
        items.append(Dot(x - 0.075, y + 0.16, 0.026, "lace"))
    return items


def _panels(top: float) -> list[Item]:
    """Stitches along the toe cap, the heel and the lacing, and where the shoe bends."""
    toe = trace([(0.52, 0.25), (0.52, 0.05, 0.63, -0.01)])
    heel = trace([(-0.62, 0.24), (-0.68, 0.0, -0.7, top + 0.16)])
    lacing = trace(
        [(-0.46, top + 0.16), (-0.4, top + 0.24, -0.3, top + 0.3), (0.02, 0.0, 0.42, 0.06)]
    )
    bends = [
        trace([(0.14, 0.02), (0.18, 0.12, 0.16, 0.24)]),
        trace([(0.3, 0.04), (0.34, 0.12, 0.3, 0.22)]),
    ]
    return [*(stitches(path, 0.014) for path in (toe, heel, lacing)),
            *(Crease(bend, 0.07) for bend in bends)]  # fmt: skip


def hat(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """A cap, a beanie or a brimmed hat: which one is chance, not an attribute."""
    return (_cap, _beanie, _brimmed)[int(rng.integers(3))](rng)


def _cap(rng: np.random.Generator) -> list[Item]:
    crown = symmetric([(0.0, -0.72), (0.62, -0.74, 0.72, 0.18), (0.4, 0.3, 0.0, 0.3)])
    brim = symmetric(
        [(0.0, 0.2), (0.42, 0.18, 0.68, 0.24), (0.86, 0.46, 0.6, 0.52), (0.36, 0.68, 0, 0.7)]
    )
    seam = trace([(0.02, -0.71), (0.42, -0.56, 0.46, 0.18)])
    return [
        Part(crown, rounding=0.5),
        *both_lines(Line(seam, 0.016)),
        Part(ellipse(0.0, -0.73, 0.07, 0.045), "solid", 0.75),
        Part(brim, "solid", 0.84, lift=0.6, rounding=0.3),
        *(stitches(trace([(-0.56, y), (0.0, y + 0.18, 0.56, y)]), 0.013) for y in _VISOR_SEAMS),
        *both_lines(Line(trace([(0.66, 0.48), (0.4, 0.67, 0.0, 0.69)]), 0.02, tone=0.6)),
        *both_lines(stitches(seam + np.array([0.03, 0.02]), 0.011)),
        *both_lines(Line(ellipse(0.2, -0.42, 0.028, 0.028), 0.016, "stitch", 0.9)),
    ]


def _beanie(rng: np.random.Generator) -> list[Item]:
    crown = symmetric([(0.0, -0.7), (0.6, -0.7, 0.66, 0.4), (0.0, 0.44)])
    cuff = symmetric([(0.0, 0.3), (0.7, 0.26), (0.7, 0.66), (0.35, 0.7, 0.0, 0.7)])
    items: list[Item] = []
    if rng.random() < 0.6:
        items.append(
            Part(ellipse(0.0, -0.8, 0.2, 0.18), "solid", 0.9, rounding=0.6, weave="fleece")
        )
    items += [Part(crown, rounding=0.5, weave="knit"),
              Part(cuff, "solid", 0.84, lift=0.5, rounding=0.3, weave="knit")]  # fmt: skip
    for x in np.arange(0.06, 0.68, 0.12):
        items += both_lines(Line(trace([(float(x), 0.31), (float(x), 0.66)]), 0.016, tone=0.7))
    return items


def _brimmed(rng: np.random.Generator) -> list[Item]:
    wide = rng.uniform(0.82, 1.0)
    back: Points = ellipse(0.0, 0.3, wide, 0.2)
    crown = symmetric([(0.0, -0.66), (0.38, -0.7, 0.5, -0.52), (0.56, 0.0, 0.6, 0.3), (0.0, 0.4)])
    brim = symmetric([(0.0, 0.34), (0.4, 0.34, 0.6, 0.22), (wide, 0.24, wide, 0.36),
                      (0.5, 0.6, 0.0, 0.6)])  # fmt: skip
    band = symmetric([(0.0, 0.24), (0.4, 0.23, 0.585, 0.13), (0.6, 0.27), (0.4, 0.38, 0.0, 0.39)])
    return [
        Part(back, "solid", 0.7),
        Part(crown, rounding=0.45),
        Part(brim, lift=0.2, rounding=0.35),
        Part(band, "solid", 0.62, rounding=0.1),
        Crease(trace([(0.04, -0.62), (0.1, -0.5, 0.06, -0.34)]), 0.1, 1.2),
        *both_lines(stitches(trace([(wide * 0.9, 0.4), (0.5, 0.55, 0.0, 0.55)]), 0.011)),
    ]
