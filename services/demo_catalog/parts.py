"""What a silhouette is made of: an ordered list of parts, lines and dots, later ones on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from demo_catalog.geometry import Points, flipped

Paint = Literal["main", "solid", "detail", "print", "sole", "lace", "stitch"]
"""main: the garment's colour with its pattern; solid: its colour alone; detail: buttons and the
like, chosen to stand out; print: the motif; sole, lace, stitch: what their names say."""

DARK: Final = 0.78


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of cloth (or rubber)."""

    outline: Points
    paint: Paint = "main"
    tone: float = 1.0
    """Multiplies the colour; under 1 for an inner side or a ribbed edge."""
    angle: float = 0.0
    """Degrees by which its pattern is turned."""
    lift: float = 0.0
    """0..1, how dark a shadow it casts on what lies below."""
    rounding: float = 0.3
    """0..1, how much it darkens towards its edge."""


@dataclass(frozen=True, slots=True)
class Line:
    """A seam, cord or lace; ``width`` in units of the fitted box (2 units are the garment)."""

    points: Points
    width: float = 0.018
    paint: Paint = "solid"
    tone: float = DARK


@dataclass(frozen=True, slots=True)
class Dot:
    """A button or eyelet; ``radius`` in units of the fitted box."""

    x: float
    y: float
    radius: float = 0.04
    paint: Paint = "detail"


Item = Part | Line | Dot


def both(part: Part) -> tuple[Part, Part]:
    """A part and its mirror image."""
    other = Part(
        flipped(part.outline), part.paint, part.tone, -part.angle, part.lift, part.rounding
    )
    return part, other


def both_lines(line: Line) -> tuple[Line, Line]:
    """A line and its mirror image."""
    return line, Line(flipped(line.points), line.width, line.paint, line.tone)


def sewn(outline: Points, closed: bool = True) -> tuple[Part, Line]:
    """A patch with a visible seam around it: how every pocket is drawn."""
    seam = np.concatenate([outline, outline[:1]]) if closed else outline
    return (
        Part(outline, "solid", tone=0.86, lift=0.55, rounding=0.15),
        Line(seam, width=0.026, paint="stitch", tone=1.0),
    )


def extent(items: Sequence[Item]) -> Points:
    """Lowest and highest corner [2, 2] of all parts."""
    points = np.concatenate([item.outline for item in items if isinstance(item, Part)])
    return np.stack([points.min(axis=0), points.max(axis=0)])
