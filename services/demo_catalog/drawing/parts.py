"""What a silhouette is made of: an ordered list of parts, lines and dots, later ones on top."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from demo_catalog.drawing.geometry import Points, flipped
from demo_catalog.drawing.weave import Weave

Paint = Literal[
    "main", "solid", "detail", "print", "sole", "lace", "stitch", "thread",
    "skin", "hair", "ink", "lip", "under", "other", "lining",
]  # fmt: skip
"""main: the garment's colour with its pattern; solid: its colour alone; detail: buttons and the
like, chosen to stand out; print: the motif; sole, lace, stitch: what their names say; thread: a
quieter stitch; lining: an inner side that nobody sees while it is worn. Of who wears it: skin,
hair, ink (eyes) and lip, under and other (cloth that is not for sale)."""

DARK: Final = 0.78


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of cloth (or rubber, or skin)."""

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
    weave: Weave | None = None
    """Where it is not the garment's own, as on a ribbed cuff."""


@dataclass(frozen=True, slots=True)
class Line:
    """A seam, cord or lace; ``width`` in units of the fitted box (2 units are the garment)."""

    points: Points
    width: float = 0.018
    paint: Paint = "solid"
    tone: float = DARK
    dashed: bool = False
    """Drawn as stitches."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A button or eyelet; ``radius`` in units of the fitted box."""

    x: float
    y: float
    radius: float = 0.04
    paint: Paint = "detail"


@dataclass(frozen=True, slots=True)
class Crease:
    """A fold in all cloth that lies under it: no thing of its own, only light and shade."""

    points: Points
    width: float = 0.07
    """At its widest, in garment units."""
    depth: float = 1.0


Item = Part | Line | Dot | Crease


def both(part: Part) -> tuple[Part, Part]:
    """A part and its mirror image."""
    return part, replace(part, outline=flipped(part.outline), angle=-part.angle)


def both_lines(line: Line) -> tuple[Line, Line]:
    """A line and its mirror image."""
    return line, replace(line, points=flipped(line.points))


def moved(item: Item, way: Callable[[Points], Points]) -> Item:
    """The item with its outline or path led through ``way``; a dot stays where it is."""
    if isinstance(item, Part):
        return replace(item, outline=way(item.outline))
    if isinstance(item, Line | Crease):
        return replace(item, points=way(item.points))
    return item


def stitches(points: Points, width: float = 0.013) -> Line:
    """A row of stitches, thread in a shade of the cloth."""
    return Line(points, width, "thread", 1.0, dashed=True)


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
