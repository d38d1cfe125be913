"""How a wearer holds the arms, and the sleeves that follow them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from demo_catalog.drawing.geometry import Points, trace, tube
from demo_catalog.drawing.parts import Item, Part, both

_UPPER: Final = 0.64
_FORE: Final = 0.58
"""Lengths in garment units."""
SHOULDER: Final = (0.43, -0.55)
SLIM_SHOULDER: Final = (0.31, -0.58)
_HALF_WIDTHS: Final = (0.04, 0.1, 0.108, 0.1, 0.09, 0.08, 0.072, 0.058)
"""Of a bare arm, from shoulder to wrist."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Degrees outwards from straight down, of the upper arm and of the forearm."""

    upper: float
    fore: float

    def path(self, shoulder: tuple[float, float]) -> Points:
        """Points [N, 2] from the shoulder over a bent elbow to the wrist, on the right side."""
        start, down = np.array(shoulder), _direction(self.upper)
        elbow = start + _UPPER * down
        wrist = elbow + _FORE * _direction(self.fore)
        before, after = start + 0.75 * (elbow - start), elbow + 0.25 * (wrist - elbow)
        round_top = [_step(start - above * down) for above in (0.14, 0.08, 0.0)]
        return trace([*round_top, _step(start + 0.4 * (elbow - start)), _step(before),
                      (*_step(elbow), *_step(after)), _step(elbow + 0.6 * (wrist - elbow)),
                      _step(wrist)])  # fmt: skip


_BEND: Final = 12
"""How many points of a path lie above the elbow, or just below it."""

Arms = tuple[Arm, Arm]
"""The right one in the picture, then the left one."""


def sample_arms(rng: np.random.Generator) -> Arms:
    """Each arm hangs, rests on the hip or in a pocket, or is raised; never both raised."""
    right, left = (_POSES[int(rng.choice(len(_POSES), p=_SHARES))] for _ in range(2))
    if right is left is _raised:
        left = _hanging
    return (right(rng), left(rng))


def _hanging(rng: np.random.Generator) -> Arm:
    upper = float(rng.uniform(7, 17))
    return Arm(upper, upper + float(rng.uniform(-16, -2)))


def _on_hip(rng: np.random.Generator) -> Arm:
    return Arm(float(rng.uniform(36, 48)), float(rng.uniform(-58, -42)))


def _in_pocket(rng: np.random.Generator) -> Arm:
    return Arm(float(rng.uniform(20, 28)), float(rng.uniform(-30, -18)))


def _raised(rng: np.random.Generator) -> Arm:
    return Arm(float(rng.uniform(42, 75)), float(rng.uniform(145, 172)))


_POSES: Final[tuple[Callable[[np.random.Generator], Arm], ...]] = (
    _hanging, _on_hip, _in_pocket, _raised,
)  # fmt: skip
_SHARES: Final = (0.5, 0.2, 0.18, 0.12)


def bare_arms(arms: Arms, *, slim: bool) -> list[Item]:
    """Skin from the shoulders to the fingers."""
    items: list[Item] = []
    for side, arm in enumerate(arms):
        path = arm.path(SLIM_SHOULDER if slim else SHOULDER)
        toward = (path[-1] - path[-2]) / np.hypot(*(path[-1] - path[-2]))
        across = np.array([-toward[1], toward[0]])
        palm = tube(path[-1] + np.outer(np.linspace(-0.05, 0.2, 7), toward),
                    [0.05, 0.075, 0.08, 0.07, 0.03])  # fmt: skip
        root = path[-1] + 0.03 * toward + 0.05 * across
        tip = root + 0.1 * toward + 0.06 * across
        thumb = tube(np.linspace(root, tip, 4), [0.03, 0.032, 0.015])
        pieces = [Part(tube(path, _HALF_WIDTHS), "skin", rounding=0.35), Part(thumb, "skin", 0.96),
                  Part(palm, "skin", rounding=0.35)]  # fmt: skip
        items += [_on_side(piece, side) for piece in pieces]
    return items


def worn_sleeves(kind: str, arms: Arms, *, cuffs: bool, extra: float, slim: bool) -> list[Part]:
    """Sleeves around the arms, ``extra`` garment units wider than those of a shirt."""
    parts: list[Part] = []
    for side, arm in enumerate(arms):
        path = arm.path(SLIM_SHOULDER if slim else SHOULDER)
        wide = (0.03 if slim else 0.055) + extra
        top = [0.05, 0.095 + wide, 0.11 + wide]
        if kind == "short":
            shape = tube(path[:5], [*top, 0.115 + wide, 0.125 + wide])
            pieces = [Part(shape, angle=-arm.upper, rounding=0.45)]
        else:
            shape = tube(path[:_BEND], [*top, *(0.105 + wide,) * 3, *(0.09 + wide,) * 5])
            lower = tube(path[_BEND - 4 :], [0.09 + wide, 0.085 + wide, 0.06 + wide])
            pieces = [Part(shape, angle=-arm.upper, rounding=0.45),
                      Part(lower, angle=-arm.fore, rounding=0.4)]  # fmt: skip
            if cuffs:
                end = path[-1] + np.outer((-0.13, -0.06, 0.0), path[-1] - path[-2]) / np.hypot(
                    *(path[-1] - path[-2])
                )
                cuff = tube(end, [0.055 + wide, 0.05 + wide])
                pieces.append(Part(cuff, "solid", 0.84, lift=0.25, rounding=0.25))
        parts += [_on_side(piece, side) for piece in pieces]
    return parts


def _on_side(part: Part, side: int) -> Part:
    return both(part)[side]


def _direction(degrees: float) -> Points:
    angle = np.deg2rad(degrees)
    return np.array([np.sin(angle), np.cos(angle)])


def _step(point: Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])
