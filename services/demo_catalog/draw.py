"""A garment's picture: pose, cloth, light and background."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo_catalog.backgrounds import background
from demo_catalog.canvas import Canvas, Stamp
from demo_catalog.fabric import Cloth, folds, grain
from demo_catalog.garments import Garment, check_garment
from demo_catalog.geometry import Frame, fit_frame
from demo_catalog.palette import jittered, lab_distance
from demo_catalog.parts import Dot, Item, Line, Paint, Part, extent
from demo_catalog.silhouettes import silhouette

FloatArray = NDArray[np.float32]

DRAWING_VERSION: Final = 1
"""Changes whenever the same seed would give another picture."""

DEFAULT_SIZE: Final = 320
MIN_SIZE: Final = 64
_FOLD_DEPTH: Final = 0.11
_SHEEN: Final = 26.0
"""Light that dark cloth reflects at a fold, in 0..255; without it black would have no shape."""
_LUMA: Final = (0.299, 0.587, 0.114)
_BRIGHT: Final = 165.0
_BRIGHT_DEPTH: Final = 0.65
_DETAILS: Final = ((250, 248, 240), (40, 38, 40), (226, 186, 92))
_PRINTS: Final = ((246, 245, 241), (30, 30, 33), (250, 214, 48), (203, 30, 40))
_MIN_DETAIL_CONTRAST: Final = 50.0


def draw(garment: Garment, rng: np.random.Generator, size: int = DEFAULT_SIZE) -> Image.Image:
    """The garment as an RGB picture of ``size`` x ``size`` pixels.

    Everything that is not an attribute (pose, cut, dye lot, folds, background) comes from ``rng``,
    so that equal states of it give equal pixels.

    Raises:
        InvalidGarmentError: the garment's attributes do not go together.
        ValueError: ``size`` is under MIN_SIZE.
    """
    check_garment(garment)
    if size < MIN_SIZE:
        raise ValueError(f"size must be {MIN_SIZE} or more: {size}")
    ground = jittered(garment.color, rng)
    dye = garment.pattern_color
    pattern = None if dye is None else jittered(dye, rng)
    paints = _paints(garment, ground, pattern, rng)
    cloth = Cloth(garment.pattern, rng)
    items = silhouette(garment, rng)
    frame = fit_frame(extent(items), rng, size)
    canvas = Canvas(background(rng, size, ground))
    _cast_shadow(canvas, items, frame)
    painter = _Painter(canvas, frame, paints, cloth, pattern, folds(rng, size))
    for item in items:
        painter.add(item)
    canvas.pixels += np.float32(rng.uniform(1.2, 2.2)) * grain(rng, size)
    return canvas.to_image()


def _paints(
    garment: Garment, ground: FloatArray, pattern: FloatArray | None, rng: np.random.Generator
) -> dict[Paint, FloatArray]:
    """sRGB [3] of every paint."""
    white = garment.color == "white"
    dark = float(ground.mean()) < 120
    return {
        "main": ground,
        "solid": ground,
        "detail": _standing_out(_DETAILS, ground, pattern, rng),
        "print": _standing_out(_PRINTS, ground, pattern, rng),
        "sole": np.asarray((206, 202, 194) if white else (240, 238, 232), dtype=np.float32),
        "lace": np.asarray((96, 98, 104) if white else (248, 247, 243), dtype=np.float32),
        "stitch": 0.45 * ground + 0.55 * np.float32(250) if dark else 0.5 * ground,
    }


def _standing_out(
    colors: tuple[tuple[int, int, int], ...],
    ground: FloatArray,
    pattern: FloatArray | None,
    rng: np.random.Generator,
) -> FloatArray:
    """One of the colours that is far from the ground and, where one is, from the pattern too."""
    candidates = np.asarray(colors, dtype=np.float32)
    far = candidates[lab_distance(candidates, ground) >= _MIN_DETAIL_CONTRAST]
    if pattern is not None:
        farther = far[lab_distance(far, pattern) >= _MIN_DETAIL_CONTRAST]
        far = farther if len(farther) else far
    chosen: FloatArray = far[int(rng.integers(len(far)))]
    return chosen


def _cast_shadow(canvas: Canvas, items: list[Item], frame: Frame) -> None:
    """The garment's own shadow on the background."""
    outlines = [
        frame.to_pixels(item.outline)
        for item in items
        if isinstance(item, Part) and item.paint != "print"
    ]
    canvas.cast_shadow(outlines, strength=0.38)


class _Painter:
    """Lays items on a canvas in one garment's colours."""

    def __init__(
        self,
        canvas: Canvas,
        frame: Frame,
        paints: dict[Paint, FloatArray],
        cloth: Cloth,
        pattern: FloatArray | None,
        fold_field: FloatArray,
    ) -> None:
        self.canvas = canvas
        self.frame = frame
        self.paints = {name: color.reshape(3, 1, 1) for name, color in paints.items()}
        self.cloth = cloth
        self.pattern = None if pattern is None else pattern.reshape(3, 1, 1)
        # Bright cloth scatters light into its own folds; full depth would turn yellow to olive.
        bright = float(np.dot(paints["main"], _LUMA)) > _BRIGHT
        self.depth = np.float32(_BRIGHT_DEPTH if bright else 1.0)
        self.fold_field = fold_field
        self.inverse = (np.linalg.inv(frame.matrix) * frame.fit).astype(np.float32)

    def add(self, item: Item) -> None:
        """Paint one item over what is there."""
        if isinstance(item, Part):
            self._part(item)
        elif isinstance(item, Line):
            points = self.frame.to_pixels(item.points)
            stamp = self.canvas.stroke(points, item.width * self.frame.unit_px)
            if stamp is not None:
                self.canvas.blend(stamp, self.paints[item.paint] * np.float32(item.tone))
        else:
            self._dot(item)

    def _part(self, part: Part) -> None:
        stamp = self.canvas.polygon(self.frame.to_pixels(part.outline))
        if stamp is None:
            return
        if part.lift > 0:
            self.canvas.darken(stamp, 0.45 * part.lift, (1, 2), 3.0)
        flat: FloatArray = self.paints[part.paint]
        tone = 1 - self.depth * np.float32(1 - part.tone)
        if part.paint == "main" and self.pattern is not None:
            share = self._pattern_share(stamp, part.angle)
            flat = flat + (self.pattern - flat) * share
        fold_depth = np.float32(0 if part.paint == "print" else _FOLD_DEPTH) * self.depth
        light = tone + fold_depth * self.fold_field[stamp.rows, stamp.columns]
        if part.rounding > 0:
            light *= self.canvas.relief(stamp, part.rounding * float(self.depth))
        sheen = np.float32(_SHEEN)
        self.canvas.blend(stamp, (flat + sheen) * light - sheen * tone)

    def _dot(self, dot: Dot) -> None:
        center = self.frame.to_pixels(np.array([[dot.x, dot.y]]))
        radius = dot.radius * self.frame.unit_px
        angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        stamp = self.canvas.polygon(center + circle * radius)
        if stamp is not None:
            self.canvas.darken(stamp, 0.5, (1, 2), 2.0)
            self.canvas.blend(stamp, self.paints[dot.paint])

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
