"""The light of a picture that nobody lit."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]

_WARMTH: Final = 0.022
_COARSE: Final = 40
_GAP_SHARE: Final = 0.3


def casual_light(rng: np.random.Generator, size: int) -> FloatArray:
    """What to multiply the picture by [3, size, size] float32.

    It is warmer or colder than daylight, falls from one side, now and then through a gap, and is
    weaker in the corners; little enough of each for every colour to keep its name.
    """
    warm = float(rng.uniform(-_WARMTH, _WARMTH))
    tint = np.array([1 + warm, 1, 1 - warm], dtype=np.float32).reshape(3, 1, 1)
    line = np.linspace(-1, 1, _COARSE, dtype=np.float32)
    angle = float(rng.uniform(0, 2 * np.pi))
    across, down = np.float32(np.cos(angle)) * line, np.float32(np.sin(angle)) * line
    light = 1 + np.float32(rng.uniform(0.02, 0.09)) * (across[None, :] + down[:, None])
    light -= np.float32(rng.uniform(0.02, 0.08)) * (line[None, :] ** 2 * line[:, None] ** 2)
    if rng.random() < _GAP_SHARE:
        slope, middle = float(rng.uniform(-1.2, 1.2)), float(rng.uniform(-0.7, 0.7))
        away = np.abs(line[None, :] + np.float32(slope) * line[:, None] - np.float32(middle))
        light += np.float32(0.1) / (1 + np.exp((away - np.float32(rng.uniform(0.2, 0.5))) * 14))
    light *= np.float32(rng.uniform(0.94, 1.04))
    wide = Image.fromarray(light).resize((size, size), Image.Resampling.BILINEAR)
    light_and_tint: FloatArray = tint * np.asarray(wide, dtype=np.float32)
    return light_and_tint
