"""Outlines in garment units (y points down) and their way onto the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Step = tuple[float, float] | tuple[float, float, float, float]

_CURVE_SAMPLES: Final = 10


def trace(steps: Sequence[Step]) -> Points:
    """Points [N, 2] along a path: ``(x, y)`` is a line to there, ``(cx, cy, x, y)`` a quadratic
    Bezier curve with one control point."""
    points: list[tuple[float, float]] = []
    for step in steps:
        if len(step) == 2:
            points.append(step)
            continue
        cx, cy, x, y = step
        x0, y0 = points[-1]
        for i in range(1, _CURVE_SAMPLES + 1):
            t = i / _CURVE_SAMPLES
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
            points.append((a * x0 + b * cx + c * x, a * y0 + b * cy + c * y))
    return np.asarray(points, dtype=np.float64)


def flipped(points: Points) -> Points:
    """The mirror image on the other side of x = 0."""
    mirrored: Points = points * np.array([-1.0, 1.0])
    return mirrored


def symmetric(steps: Sequence[Step]) -> Points:
    """A closed outline from its right half, traced from the top centre to the bottom centre."""
    half = trace(steps)
    return np.concatenate([half, flipped(half)[::-1]])


def ellipse(x: float, y: float, rx: float, ry: float, samples: int = 28) -> Points:
    """An ellipse's outline."""
    angle = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """An upright rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)


def rotated(points: Points, degrees: float, x: float, y: float) -> Points:
    """The points turned clockwise (as seen) around (x, y)."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    center = np.array([x, y])
    moved: Points = (points - center) @ turn + center
    return moved


def tube(path: Points, half_widths: Sequence[float]) -> Points:
    """The outline around a path [N, 2] whose width goes evenly through ``half_widths``."""
    step = np.gradient(path, axis=0)
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / length[:, None]
    places = np.linspace(0, 1, len(path))
    half = np.interp(places, np.linspace(0, 1, len(half_widths)), half_widths)[:, None]
    return np.concatenate([path + normal * half, (path - normal * half)[::-1]])


def dashes(path: Points, period: float) -> list[Points]:
    """Short pieces [2, 2] along a path [N, 2], one per period and half as long."""
    step = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    starts = np.arange(0.0, max(along[-1] - period / 2, 1e-9), period)
    ends = np.stack([starts, starts + period / 2])
    x, y = (np.interp(ends, along, path[:, axis]) for axis in (0, 1))
    return list(np.stack([x.T, y.T], axis=2))


def spindle(path: Points, half_width: float) -> Points:
    """An outline around a path [N, 2], pointed at both ends."""
    return tube(path, [0.0, half_width * 0.8, half_width, half_width * 0.8, 0.0])


@dataclass(frozen=True, slots=True)
class Frame:
    """How garment units become pixels: fit to the unit box, mirror, stretch, turn, place."""

    matrix: Points
    """[2, 2], applied to column vectors."""
    offset: Points
    """[2], pixels."""
    unit_px: float
    """Pixels of one unit of the box; the box is two units wide."""
    fit: float
    """Box units per garment unit."""

    def to_pixels(self, points: Points) -> Points:
        """Garment units [N, 2] to pixels [N, 2]."""
        pixels: Points = points @ self.matrix.T + self.offset
        return pixels


def fit_frame(extent: Points, rng: np.random.Generator, size: int) -> Frame:
    """A frame that shows ``extent`` ([2, 2]: lowest and highest corner) large, in a random pose."""
    center = extent.mean(axis=0)
    fit = float(2.0 / (extent[1] - extent[0]).max())
    unit_px = size * float(rng.uniform(0.395, 0.45))
    stretch = np.array([rng.uniform(0.95, 1.05), rng.uniform(0.96, 1.02)])
    angle = np.deg2rad(float(rng.normal(0, 4.5)))
    shear = float(rng.normal(0, 0.025))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lean = np.array([[1.0, shear], [0.0, 1.0]])
    matrix = turn @ lean @ np.diag([mirror, 1.0]) @ np.diag(stretch) * (fit * unit_px)
    place = size * (0.5 + rng.uniform(-0.035, 0.035, 2))
    return Frame(matrix, place - matrix @ center, unit_px, fit)


def worn_frame(garment: Points, view: Points, rng: np.random.Generator, size: int) -> Frame:
    """A frame that shows ``view`` as someone holding a telephone might: near enough.

    Args:
        garment: lowest and highest corner [2, 2] of what its pattern and seams are scaled by.
        view: the same of what should be seen.
    """
    fit = float(2.0 / (garment[1] - garment[0]).max())
    scale = size / float((view[1] - view[0]).max()) * float(rng.uniform(0.86, 1.06))
    angle = np.deg2rad(float(rng.normal(0, 4.0)))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    stretch = np.array([mirror * rng.uniform(0.94, 1.06), 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag(stretch) * scale
    place = size * (0.5 + rng.uniform(-1, 1, 2) * np.array([0.09, 0.03]))
    return Frame(matrix, place - matrix @ view.mean(axis=0), scale / fit, fit)
