"""The surface of cloth seen close: knitted, woven, brushed."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

FloatArray = NDArray[np.float32]
Weave = Literal["jersey", "twill", "fleece", "poplin", "wool", "canvas", "knit", "rib", "cord"]

_TILE: Final = 512
_DESIGN_SIZE: Final = 320
"""Threads are given in pixels of a picture of this size."""

WEAVE_OF: Final[dict[str, tuple[Weave, ...]]] = {
    "hoodie": ("fleece", "fleece", "knit"),
    "coat": ("wool", "wool", "twill"),
    "jeans": ("twill",),
    "shirt": ("poplin", "canvas"),
    "t-shirt": ("jersey",),
    "dress": ("poplin", "jersey"),
    "skirt": ("poplin", "twill", "cord"),
    "shorts": ("twill", "jersey"),
    "sneakers": ("canvas",),
    "hat": ("twill", "canvas"),
}
"""What a category may be made of; not an attribute."""


def weave_field(weave: Weave, rng: np.random.Generator, size: int) -> FloatArray:
    """Brightness around 0 [size, size] float32, to be added to light of about 1."""
    row, column = rng.integers(0, _TILE - _DESIGN_SIZE, 2)
    piece = _tile(weave)[row : row + _DESIGN_SIZE, column : column + _DESIGN_SIZE]
    if size == _DESIGN_SIZE:
        return piece
    how = Image.Resampling.BOX if size < _DESIGN_SIZE else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(piece).resize((size, size), how))


@lru_cache(maxsize=16)
def _tile(weave: Weave) -> FloatArray:
    y, x = np.mgrid[0:_TILE, 0:_TILE].astype(np.float32)
    strength, maker = _MAKERS[weave]
    tile: FloatArray = (strength * maker(x, y)).astype(np.float32)
    return tile


def _noise(across: float, down: float) -> FloatArray:
    """Noise of unit variance with threads of these lengths in pixels."""
    raw = np.random.default_rng(20240301).normal(0, 40, (_TILE, _TILE)) + 128
    image = Image.fromarray(np.clip(raw, 0, 255).astype(np.uint8))
    soft = np.asarray(image.filter(ImageFilter.BoxBlur((across / 2, down / 2))), dtype=np.float32)
    unit: FloatArray = ((soft - soft.mean()) / soft.std()).astype(np.float32)
    return unit


def _wave(t: FloatArray, period: float) -> FloatArray:
    wave: FloatArray = np.cos(t * np.float32(2 * np.pi / period))
    return wave


def _jersey(x: FloatArray, y: FloatArray) -> FloatArray:
    threads: FloatArray = 0.6 * _wave(x, 3.2) + 0.5 * _noise(0.5, 3)
    return threads


def _twill(x: FloatArray, y: FloatArray) -> FloatArray:
    """Diagonal threads, faded in streaks along the length."""
    threads: FloatArray = 0.6 * _wave(x + y, 4) + 0.55 * _noise(0.6, 14) + 0.3 * _noise(0.5, 0.5)
    return threads


def _fleece(x: FloatArray, y: FloatArray) -> FloatArray:
    threads: FloatArray = 0.8 * _noise(2.4, 2.4) + 0.4 * _noise(0.5, 0.5)
    return threads


def _poplin(x: FloatArray, y: FloatArray) -> FloatArray:
    threads: FloatArray = 0.6 * _noise(0.5, 10) + 0.6 * _noise(10, 0.5)
    return threads


def _wool(x: FloatArray, y: FloatArray) -> FloatArray:
    """Herringbone: diagonals that turn every 16 pixels."""
    turned = np.abs((x + 16) % 32 - 16)
    threads: FloatArray = 0.6 * _wave(turned + y, 5.33) + 0.6 * _noise(1.6, 1.6)
    return threads


def _canvas(x: FloatArray, y: FloatArray) -> FloatArray:
    threads: FloatArray = (
        0.5 * _wave(x, 4) * _wave(y, 4) + 0.4 * _noise(0.5, 5) + 0.4 * _noise(5, 0.5)
    )
    return threads


def _knit(x: FloatArray, y: FloatArray) -> FloatArray:
    """Columns of V-shaped stitches."""
    across = np.abs((x % 9) / 4.5 - 1)
    loops: FloatArray = _wave(y + 3.5 * across, 7) * (1 - 0.5 * across) - 0.9 * (across > 0.8)
    return loops


def _rib(x: FloatArray, y: FloatArray) -> FloatArray:
    threads: FloatArray = _wave(x, 6.5) + 0.25 * _noise(0.5, 3)
    return threads


def _cord(x: FloatArray, y: FloatArray) -> FloatArray:
    threads: FloatArray = 0.8 * _wave(x, 7) + 0.4 * _noise(0.8, 4)
    return threads


_Maker = Callable[[FloatArray, FloatArray], FloatArray]
_MAKERS: Final[dict[Weave, tuple[float, _Maker]]] = {
    "jersey": (0.03, _jersey),
    "twill": (0.05, _twill),
    "fleece": (0.034, _fleece),
    "poplin": (0.026, _poplin),
    "wool": (0.05, _wool),
    "canvas": (0.045, _canvas),
    "knit": (0.06, _knit),
    "rib": (0.1, _rib),
    "cord": (0.06, _cord),
}
"""Strength, and what gives its shape."""
