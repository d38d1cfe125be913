"""Lays a garment's parts, seams and buttons on a canvas, in its colours, weave and folds."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from demo_catalog.drawing.canvas import Canvas, Stamp
from demo_catalog.drawing.fabric import Cloth
from demo_catalog.drawing.folds import creased, folds
from demo_catalog.drawing.geometry import Frame, dashes
from demo_catalog.drawing.paints import Paints
from demo_catalog.drawing.parts import Crease, Dot, Item, Line, Paint, Part
from demo_catalog.drawing.weave import WEAVE_OF, Weave, weave_field

FloatArray = NDArray[np.float32]

_FOLD_DEPTH: Final = 0.11
_SHEEN: Final = 26.0
"""Light that dark cloth reflects at a fold, in 0..255; without it black would have no shape."""
_LUMA: Final = (0.299, 0.587, 0.114)
_BRIGHT: Final = 165.0
_BRIGHT_DEPTH: Final = 0.65
_CLOTH: Final[frozenset[Paint]] = frozenset(("main", "solid", "under", "other", "lining"))
_FACE: Final[frozenset[Paint]] = frozenset(("skin", "hair", "ink"))
_DASH: Final = 0.052
"""Of a stitch and the gap after it, in units of the fitted box."""


class Painter:
    """Lays items on a canvas in one garment's colours."""

    def __init__(
        self,
        canvas: Canvas,
        frame: Frame,
        paints: Paints,
        pattern: FloatArray | None,
        cloth: Cloth,
        category: str,
        rng: np.random.Generator,
    ) -> None:
        self.canvas = canvas
        self.frame = frame
        self.paints = {name: color.reshape(3, 1, 1) for name, color in paints.items()}
        self.cloth = cloth
        self.pattern = None if pattern is None else pattern.reshape(3, 1, 1)
        # Bright cloth scatters light into its own folds; full depth would turn yellow to olive.
        bright = float(np.dot(paints["main"], _LUMA)) > _BRIGHT
        self.depth = np.float32(_BRIGHT_DEPTH if bright else 1.0)
        self.fold_field = folds(rng, canvas.size)
        own = WEAVE_OF[category]
        self.own_weave = own[int(rng.integers(len(own)))]
        self.weave_rng = rng
        self.weaves: dict[Weave, FloatArray] = {}
        self.inverse = (np.linalg.inv(frame.matrix) * frame.fit).astype(np.float32)

    def paint(self, items: Sequence[Item]) -> None:
        """Paint the items over what is there, one over the other, all in the same folds."""
        creases = [item for item in items if isinstance(item, Crease)]
        self.fold_field = creased(self.fold_field, creases, self.frame)
        for item in items:
            if isinstance(item, Part):
                self._part(item)
            elif isinstance(item, Line):
                self._line(item)
            elif isinstance(item, Dot):
                self._dot(item)

    def _line(self, line: Line) -> None:
        points = self.frame.to_pixels(line.points)
        width = line.width * self.frame.unit_px
        strokes = dashes(points, _DASH * self.frame.unit_px) if line.dashed else [points]
        stamp = self.canvas.strokes(strokes, width)
        if stamp is not None:
            self.canvas.blend(stamp, self.paints[line.paint] * np.float32(line.tone))

    def _part(self, part: Part) -> None:
        stamp = self.canvas.polygon(self.frame.to_pixels(part.outline))
        if stamp is None:
            return
        if part.lift > 0:
            self.canvas.darken(stamp, 0.45 * part.lift, (1, 2), 3.0)
        flat: FloatArray = self.paints[part.paint]
        depth = np.float32(1) if part.paint in _FACE else self.depth
        tone = 1 - depth * np.float32(1 - part.tone)
        if part.paint == "main" and self.pattern is not None:
            share = self._pattern_share(stamp, part.angle)
            flat = flat + (self.pattern - flat) * share
        if part.paint in _CLOTH:
            light = self.fold_field[stamp.rows, stamp.columns] * (np.float32(_FOLD_DEPTH) * depth)
            light += self._weave(part)[stamp.rows, stamp.columns] * depth
            light += tone
        else:
            light = np.full(stamp.coverage.shape, tone, dtype=np.float32)
        if part.rounding > 0:
            light *= self.canvas.relief(stamp, part.rounding * float(depth))
        sheen = np.float32(0 if part.paint in _FACE else _SHEEN)
        self.canvas.blend(stamp, (flat + sheen) * light - sheen * tone)

    def _weave(self, part: Part) -> FloatArray:
        weave = part.weave or (self.own_weave if part.paint in ("main", "solid") else "jersey")
        if weave not in self.weaves:
            self.weaves[weave] = weave_field(weave, self.weave_rng, self.canvas.size)
        return self.weaves[weave]

    def _dot(self, dot: Dot) -> None:
        """A button: a raised rim, lit from the top left, and two holes."""
        center = self.frame.to_pixels(np.array([[dot.x, dot.y]]))
        radius = dot.radius * self.frame.unit_px
        angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        stamp = self.canvas.polygon(center + circle * radius)
        if stamp is None:
            return
        self.canvas.darken(stamp, 0.5, (1, 2), 2.0)
        x = (np.arange(stamp.columns.start, stamp.columns.stop) + 0.5 - center[0, 0]) / radius
        y = (np.arange(stamp.rows.start, stamp.rows.stop)[:, None] + 0.5 - center[0, 1]) / radius
        away = np.hypot(x, y)
        side = -(x + y) / np.maximum(away, 0.3) / np.sqrt(2)
        light = 1 + 0.16 * side * np.sign(away - 0.72) * (away > 0.5)
        for hole in (-0.28, 0.28):
            light -= 0.45 * np.clip((0.24 - np.hypot(x - hole, y)) * radius + 0.5, 0, 1)
        light = np.maximum(light, 0.3).astype(np.float32)
        sheen = np.float32(_SHEEN)
        self.canvas.blend(stamp, (self.paints[dot.paint] + sheen) * light - sheen)

    def _pattern_share(self, stamp: Stamp, degrees: float) -> FloatArray:
        x = np.arange(stamp.columns.start, stamp.columns.stop, dtype=np.float32)
        y = np.arange(stamp.rows.start, stamp.rows.stop, dtype=np.float32)
        x -= np.float32(self.frame.offset[0])
        y -= np.float32(self.frame.offset[1])
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        to_cloth = (turn @ self.inverse).astype(np.float32)
        u = to_cloth[0, 0] * x[None, :] + to_cloth[0, 1] * y[:, None]
        v = to_cloth[1, 0] * x[None, :] + to_cloth[1, 1] * y[:, None]
        return self.cloth.coverage(u, v, 1 / self.frame.unit_px)
