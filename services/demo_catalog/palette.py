"""The twelve colours of the catalog, their natural variation and how far apart they look."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

COLORS: Final[dict[str, tuple[int, int, int]]] = {
    "black": (30, 30, 33),
    "white": (243, 242, 238),
    "gray": (138, 141, 146),
    "red": (203, 30, 40),
    "orange": (244, 128, 22),
    "yellow": (250, 214, 48),
    "green": (44, 142, 68),
    "blue": (44, 112, 220),
    "navy": (27, 38, 96),
    "purple": (124, 54, 172),
    "pink": (246, 142, 186),
    "brown": (114, 70, 38),
}
"""sRGB of each colour, the centre of its jitter."""

_BRIGHTNESS_JITTER: Final = 0.07
_CHANNEL_JITTER: Final = 7.0
_RGB_TO_XYZ: Final = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_WHITE_D65: Final = (0.95047, 1.0, 1.08883)


def rgb_to_lab(rgb: FloatArray) -> FloatArray:
    """sRGB [..., 3] in 0..255 to CIE L*a*b* (D65) [..., 3] float32."""
    unit = np.asarray(rgb, dtype=np.float64) / 255.0
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.asarray(_RGB_TO_XYZ).T / np.asarray(_WHITE_D65)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def lab_distance(first: FloatArray, second: FloatArray) -> FloatArray:
    """CIE76 difference [...] of sRGB colours [..., 3]; about 2 is just noticeable."""
    difference = rgb_to_lab(first) - rgb_to_lab(second)
    return np.sqrt(np.sum(difference * difference, axis=-1, dtype=np.float32))


def rgb(name: str) -> FloatArray:
    """sRGB [3] float32 in 0..255 of a colour's name."""
    return np.asarray(COLORS[name], dtype=np.float32)


@lru_cache(maxsize=256)
def contrast(first: str, second: str) -> float:
    """CIE76 difference of two named colours."""
    return float(lab_distance(rgb(first), rgb(second)))


def jittered(name: str, rng: np.random.Generator) -> FloatArray:
    """A dye lot of the named colour: sRGB [3] float32, close enough to keep its name."""
    brightness = 1.0 + rng.uniform(-_BRIGHTNESS_JITTER, _BRIGHTNESS_JITTER)
    channels = rng.uniform(-_CHANNEL_JITTER, _CHANNEL_JITTER, 3)
    if name in ("black", "white", "gray"):
        channels *= 0.4  # a tint would make them another colour sooner than it does the others
    return np.clip(rgb(name) * brightness + channels, 4, 252).astype(np.float32)


def nearest(color: FloatArray) -> str:
    """Name of the palette colour that looks most like sRGB [3]."""
    names = list(COLORS)
    centers = np.asarray([COLORS[name] for name in names], dtype=np.float32)
    return names[int(np.argmin(lab_distance(centers, color)))]
