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
from demo_catalog.palette import jittered, lab_distance, rgb
from demo_catalog.parts import Dot, Item, Line, Paint, Part, extent
from demo_catalog.silhouettes import silhouette

FloatArray = NDArray[np.float32]

DRAWING_VERSION: Final = 1
"""Changes whenever the same seed would give another picture."""

DEFAULT_SIZE: Final = 320
_DESIGN_SIZE: Final = 320
_FOLD_DEPTH: Final = 0.11
_SHEEN: Final = 26.0
"""Light that dark cloth reflects at a fold, in 0..255; without it black would have no shape."""
_DETAILS: Final = ((250, 248, 240), (40, 38, 40), (226, 186, 92))
_PRINT_COLORS: Final = ("white", "black", "yellow", "red")


def draw(garment: Garment, rng: np.random.Generator, size: int = DEFAULT_SIZE) -> Image.Image:
    """The garment as an RGB picture of ``size`` x ``size`` pixels.

    Everything that is not an attribute (pose, cut, dye lot, folds, background) comes from ``rng``,
    so that equal states of it give equal pixels.

    Raises:
        InvalidGarmentError: the garment's attributes do not go together.
    """
    check_garment(garment)
    ground = jittered(garment.color, rng)
    paints = _paints(garment, ground, rng)
    pattern = None if garment.pattern_color is None else jittered(garment.pattern_color, rng)
    cloth = Cloth(garment.pattern, rng)
    items = silhouette(garment, rng)
    frame = fit_frame(extent(items), rng, size)
    canvas = Canvas(background(rng, size, ground))
    _cast_shadow(canvas, items, frame, size / _DESIGN_SIZE)
    painter = _Painter(canvas, frame, paints, cloth, pattern, folds(rng, size))
    for item in items:
        painter.add(item)
    pixels = canvas.pixels + np.float32(rng.uniform(1.2, 2.2)) * grain(rng, size)[..., None]
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def _paints(
    garment: Garment, ground: FloatArray, rng: np.random.Generator
) -> dict[Paint, FloatArray]:
    details = [np.asarray(c, dtype=np.float32) for c in _DETAILS]
    far = [c for c in details if lab_distance(c, ground) > 48]
    prints = [rgb(name) for name in _PRINT_COLORS if lab_distance(rgb(name), ground) > 55]
    white = garment.color == "white"
    dark = float(ground.mean()) < 120
    return {
        "main": ground,
        "solid": ground,
        "detail": far[int(rng.integers(len(far)))],
        "print": prints[int(rng.integers(len(prints)))],
        "sole": np.asarray((206, 202, 194) if white else (240, 238, 232), dtype=np.float32),
        "lace": np.asarray((96, 98, 104) if white else (248, 247, 243), dtype=np.float32),
        "stitch": 0.45 * ground + 0.55 * np.float32(250) if dark else 0.5 * ground,
    }


def _cast_shadow(canvas: Canvas, items: list[Item], frame: Frame, scale: float) -> None:
    """The garment's own shadow on the background."""
    for item in items:
        if isinstance(item, Part) and item.paint != "print":
            stamp = canvas.polygon(frame.to_pixels(item.outline))
            if stamp is not None:
                shift = (round(3 * scale), round(5 * scale))
                canvas.darken(stamp, 0.3, shift, 5 * scale)


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
        self.paints = paints
        self.cloth = cloth
        self.pattern = pattern
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
        if part.paint == "main" and self.pattern is not None:
            share = self._pattern_share(stamp, part.angle)[..., None]
            flat = flat + (self.pattern - flat) * share
        light = np.float32(part.tone) + np.float32(_FOLD_DEPTH) * (
            self.fold_field[stamp.rows, stamp.columns] if part.paint != "print" else np.float32(0)
        )
        if part.rounding > 0:
            light = light * self.canvas.relief(stamp, part.rounding)
        light = np.broadcast_to(light, stamp.coverage.shape)[..., None]
        self.canvas.blend(stamp, flat * light + np.float32(_SHEEN) * (light - part.tone))

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
