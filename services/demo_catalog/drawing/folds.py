"""The folds of cloth: waves over the whole picture, and creases where a garment bends."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from demo_catalog.drawing.geometry import Frame, spindle
from demo_catalog.drawing.parts import Crease
from demo_catalog.drawing.texture import smooth_field

FloatArray = NDArray[np.float32]

_LIGHT_STEP: Final = 0.011
"""How far the lit flank of a crease lies up and left of its shaded one, of the picture."""


def folds(rng: np.random.Generator, size: int) -> FloatArray:
    """Light and dark of hanging cloth [size, size] float32, about -1..1."""
    small = max(size // 4, 16)
    y, x = np.mgrid[0:small, 0:small].astype(np.float32) / np.float32(small)
    sway = smooth_field(rng, 4, small)
    waves = np.sin(
        np.float32(rng.uniform(18, 30)) * (x + np.float32(rng.uniform(-0.25, 0.25)) * y)
        + np.float32(2.6) * sway
    )
    field = 0.55 * waves * (0.35 + 0.65 * y) + 0.6 * smooth_field(rng, 6, small)
    wide = Image.fromarray(field.astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(wide)


def creased(field: FloatArray, creases: Sequence[Crease], frame: Frame) -> FloatArray:
    """The fold field [size, size] with each crease's shaded and lit flank added to it."""
    if not creases:
        return field
    size = field.shape[0]
    small = max(size // 2, 32)
    scale = small / size
    mask = Image.new("L", (small, small))
    pen = ImageDraw.Draw(mask)
    for crease in sorted(creases, key=lambda each: each.depth):
        outline = frame.to_pixels(spindle(crease.points, crease.width / 2)) * scale
        pen.polygon(outline.ravel().tolist(), fill=round(min(crease.depth, 1.6) * 150))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(small * 0.0075)), dtype=np.float32)
    step = max(round(small * _LIGHT_STEP), 1)
    flanks = np.roll(soft, (-step, -step), (0, 1)) * np.float32(0.95) - soft
    wide = Image.fromarray(flanks).resize((size, size), Image.Resampling.BILINEAR)
    deeper: FloatArray = field + np.asarray(wide, dtype=np.float32) * np.float32(1 / 160)
    return deeper
