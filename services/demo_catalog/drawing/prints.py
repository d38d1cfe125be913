"""The motifs printed on hoodies, t-shirts, hats and sneakers."""

from typing import Final

import numpy as np

from demo_catalog.drawing.geometry import Points, ellipse, trace
from demo_catalog.drawing.parts import Item, Paint, Part
from demo_catalog.garments import Garment

_PLACES: Final = {
    "t-shirt": (0.0, 0.3, 0.27),
    "hoodie": (0.0, -0.06, 0.25),
    "hat": (0.0, -0.16, 0.3),
    "sneakers": (-0.36, 0.02, 0.23),
}
"""Centre and radius in garment units."""


def printed(garment: Garment) -> list[Item]:
    """The garment's print, on a plain patch where the cloth is patterned; empty without one."""
    if garment.print is None:
        return []
    x, y, radius = _PLACES[garment.category]
    center = np.array([x, y])
    items: list[Item] = []
    if garment.pattern != "plain":
        patch = ellipse(x, y, radius * 1.28, radius * 1.28)
        items.append(Part(patch, "solid", 1.0, lift=0.3, rounding=0.05))
    motif = _MOTIFS[garment.print]
    for outline, on_cloth in motif():
        paint: Paint = "solid" if on_cloth else "print"
        items.append(Part(outline * radius + center, paint, rounding=0.0))
    return items


Motif = list[tuple[Points, bool]]
"""Outlines in a circle of radius 1; True where the cloth shows through."""


def _star() -> Motif:
    angle = np.pi * (np.arange(10) / 5 - 0.5)
    radius = np.where(np.arange(10) % 2 == 0, 1.08, 0.46)
    return [(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), False)]


def _heart() -> Motif:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return [(np.stack([x, y - 2], axis=1) / 16.5, False)]


def _lightning() -> Motif:
    bolt = trace([(0.25, -1.1), (-0.62, 0.18), (-0.08, 0.18), (-0.3, 1.1), (0.62, -0.28),
                  (0.08, -0.28), (0.55, -1.1)])  # fmt: skip
    return [(bolt, False)]


def _moon() -> Motif:
    outer = np.linspace(0.28 * np.pi, 1.72 * np.pi, 30)
    inner = np.linspace(1.588 * np.pi, 0.412 * np.pi, 30)
    rim = np.stack([np.cos(outer), np.sin(outer)], axis=1)
    bite = np.stack([0.42 + 0.8 * np.cos(inner), 0.8 * np.sin(inner)], axis=1)
    return [(np.concatenate([rim, bite]) + np.array([0.15, 0.0]), False)]


def _cat() -> Motif:
    head = ellipse(0.0, 0.18, 0.88, 0.74)
    ears = [trace([(s * 0.84, -1.0), (s * 0.82, 0.1), (s * 0.2, -0.42)]) for s in (-1, 1)]
    eyes = [ellipse(s * 0.36, 0.06, 0.15, 0.2) for s in (-1, 1)]
    nose = trace([(-0.14, 0.42), (0.14, 0.42), (0.0, 0.6)])
    return [(head, False), *((ear, False) for ear in ears), *((e, True) for e in (*eyes, nose))]


def _logo() -> Motif:
    """A rounded plate with two bars cut out: the mark of a label."""
    plate = trace([
        (-1.1, -0.45), (-1.1, -0.62, -0.93, -0.62), (0.93, -0.62), (1.1, -0.62, 1.1, -0.45),
        (1.1, 0.45), (1.1, 0.62, 0.93, 0.62), (-0.93, 0.62), (-1.1, 0.62, -1.1, 0.45),
    ])  # fmt: skip
    slash = [trace([(x, 0.4), (x + 0.3, -0.4), (x + 0.58, -0.4), (x + 0.28, 0.4)])
             for x in (-0.86, -0.36, 0.14)]  # fmt: skip
    return [(plate, False), *((s, True) for s in slash)]


_MOTIFS: Final = {
    "logo": _logo,
    "star": _star,
    "heart": _heart,
    "lightning": _lightning,
    "moon": _moon,
    "cat": _cat,
}
