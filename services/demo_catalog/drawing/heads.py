"""Heads: simple faces under simple hair."""

from typing import Final

import numpy as np

from demo_catalog.drawing.geometry import ellipse, symmetric, trace
from demo_catalog.drawing.parts import Item, Line, Part, both_lines

_LONG_SHARE: Final = 0.45


def face(x: float, y: float, radius: float, rng: np.random.Generator) -> list[Item]:
    """An oval with eyes, brows, nose and mouth; ``radius`` is half its width."""
    shape = symmetric(
        [(0.0, -1.2), (0.85, -1.2, 1.0, -0.2), (1.0, 0.7, 0.5, 1.15), (0.25, 1.3, 0.0, 1.3)]
    )
    smile = float(rng.uniform(0.02, 0.16))
    mouth = trace([(-0.3, 0.72), (0.0, 0.72 + smile, 0.3, 0.72)])
    brow = trace([(0.2, -0.22), (0.4, -0.34, 0.6, -0.2)])
    nose = trace([(0.04, 0.05), (0.12, 0.34), (-0.02, 0.38)])
    place = np.array([x, y])
    thin = radius * 0.09
    items: list[Item] = [Part(shape * radius + place, "skin", lift=0.5, rounding=0.35)]
    items += [Part(ellipse(side * 0.4, 0.0, 0.1, 0.075) * radius + place, "ink", rounding=0.0)
              for side in (-1.0, 1.0)]  # fmt: skip
    items += [Line(line.points * radius + place, thin, "hair", 0.6)
              for line in both_lines(Line(brow))]  # fmt: skip
    items.append(Line(nose * radius + place, thin, "skin", 0.8))
    items.append(Line(mouth * radius + place, thin * 1.3, "lip", 1.0))
    return items


def head(x: float, y: float, radius: float, rng: np.random.Generator) -> list[Item]:
    """A face with ears and a fringe of hair over it."""
    place = np.array([x, y])
    ears = [ellipse(side * 0.98, 0.12, 0.16, 0.26) * radius + place for side in (-1.0, 1.0)]
    items: list[Item] = [Part(ear, "skin", 0.92) for ear in ears]
    items += face(x, y, radius, rng)
    parting = float(rng.uniform(-0.5, 0.5))
    low = float(rng.uniform(-0.62, -0.4))
    fringe = trace([
        (-1.06, -0.05), (-1.16, -1.36, 0.0, -1.4), (1.16, -1.36, 1.06, -0.05), (0.95, -0.4),
        (0.7, low, parting, low - 0.24), (-0.7, low, -0.95, -0.4),
    ])  # fmt: skip
    return [*items, Part(fringe * radius + place, "hair", lift=0.2, rounding=0.5)]


def hair_behind(
    rng: np.random.Generator, at: tuple[float, float] = (0.0, -1.22), radius: float = 0.27
) -> list[Item]:
    """What is seen of the hair behind the head: long, curly, tied, or nothing."""
    place = np.array(at)
    style = rng.random()
    if style < _LONG_SHARE:
        low = float(rng.uniform(1.2, 2.6))
        wide = float(rng.uniform(1.15, 1.35))
        shape = symmetric([(0.0, -1.3), (wide, -1.3, wide, 0.0), (wide + 0.1, low),
                           (0.4, low + 0.2), (0.0, low)])  # fmt: skip
        return [Part(shape * radius + place, "hair", 0.86, rounding=0.5)]
    if style < 0.6:
        angle = np.linspace(-0.1 * np.pi, 1.1 * np.pi, 9)
        centers = np.stack([np.cos(angle), -np.sin(angle)], axis=1) * 1.05
        curls = [ellipse(dx, dy, 0.42, 0.42) * radius + place for dx, dy in centers]
        return [Part(curl, "hair", 0.92, rounding=0.6) for curl in curls]
    if style < 0.72:
        bun = ellipse(0.0, -1.5, 0.45, 0.4) * radius + place
        return [Part(bun, "hair", 0.9, rounding=0.6)]
    return []
