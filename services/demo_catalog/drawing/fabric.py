"""Woven and printed patterns."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_PERIOD: Final = {"striped": 0.27, "checked": 0.36, "dotted": 0.25, "floral": 0.4}
"""Repeat of each pattern in units of the fitted box, wide enough to be seen at 96 px."""


class Cloth:
    """One bolt of patterned cloth: the same for every part that is cut from it."""

    def __init__(self, pattern: str, rng: np.random.Generator) -> None:
        self.pattern = pattern
        self.period = _PERIOD.get(pattern, 1.0) * float(rng.uniform(0.88, 1.15))
        self.phase = rng.uniform(0, 1, 2)
        self.upright = bool(rng.random() < 0.3)
        self.duty = float(rng.uniform(0.36, 0.46))

    def coverage(self, u: FloatArray, v: FloatArray, blur: float) -> FloatArray:
        """Share of the pattern's colour at each place, 0..1.

        Args:
            u: across, box units, any shape.
            v: down, same shape.
            blur: box units of one pixel, over which edges are softened.
        """
        x = u / np.float32(self.period) + np.float32(self.phase[0])
        y = v / np.float32(self.period) + np.float32(self.phase[1])
        soft = max(blur / self.period, 1e-3)
        if self.pattern == "striped":
            return _band(x if self.upright else y, self.duty, soft)
        if self.pattern == "checked":
            return 0.5 * (_band(x, self.duty, soft) + _band(y, self.duty, soft))
        if self.pattern == "dotted":
            return _dots(x, y, soft)
        if self.pattern == "floral":
            return _flowers(x, y, soft)
        return np.zeros_like(u)


def _band(t: FloatArray, duty: float, soft: float) -> FloatArray:
    distance = np.abs(t - np.round(t))  # 0 in the middle of a band, 0.5 between two
    return _inside(np.float32(duty / 2) - distance, soft)


def _inside(margin: FloatArray, soft: float) -> FloatArray:
    """1 well inside an edge, 0 well outside, a ramp of width ``soft`` between."""
    share: FloatArray = np.clip(margin / np.float32(soft) + np.float32(0.5), 0, 1)
    return share


def _cell(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Offsets from the centre of a staggered cell, and the cell's row."""
    row: FloatArray = np.round(y)
    shifted: FloatArray = x + np.float32(0.5) * (row % 2)
    across: FloatArray = shifted - np.rint(shifted)
    down: FloatArray = y - row
    return across, down, row


def _dots(x: FloatArray, y: FloatArray, soft: float) -> FloatArray:
    dx, dy, _ = _cell(x, y * np.float32(1.12))
    radius: FloatArray = np.sqrt(dx * dx + dy * dy)
    return _inside(np.float32(0.3) - radius, soft)


def _flowers(x: FloatArray, y: FloatArray, soft: float) -> FloatArray:
    """Five petals around a hole; every second row stands on its head."""
    dx, dy, row = _cell(x, y)
    radius = np.sqrt(dx * dx + dy * dy) + np.float32(1e-4)
    c = dy / radius * (1 - 2 * (row % 2))
    c2 = c * c
    petals = ((16 * c2 - 20) * c2 + 5) * c  # cos 5a from cos a
    edge = np.float32(0.29) + np.float32(0.13) * petals
    return _inside(edge - radius, soft) - _inside(np.float32(0.085) - radius, soft)
