"""Which colours a picture's garment, thread, buttons and wearer have."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from demo_catalog.drawing.parts import Paint
from demo_catalog.garments import Garment
from demo_catalog.palette import jittered, lab_distance

FloatArray = NDArray[np.float32]
Rgb = tuple[int, int, int]
Paints = Mapping[Paint, FloatArray]

_DETAILS: Final[tuple[Rgb, ...]] = ((250, 248, 240), (40, 38, 40), (226, 186, 92))
_PRINTS: Final[tuple[Rgb, ...]] = ((246, 245, 241), (30, 30, 33), (250, 214, 48), (203, 30, 40))
_SKINS: Final[tuple[Rgb, ...]] = (
    (247, 219, 195), (238, 200, 170), (224, 178, 142), (203, 152, 112), (172, 120, 84),
    (136, 90, 62), (104, 66, 46),
)  # fmt: skip
_HAIRS: Final[tuple[Rgb, ...]] = (
    (38, 30, 28), (62, 42, 32), (96, 62, 40), (146, 98, 56), (206, 166, 106), (150, 66, 38),
    (150, 148, 146),
)  # fmt: skip
_OTHERS: Final[tuple[Rgb, ...]] = (
    (228, 224, 216), (204, 198, 186), (168, 164, 158), (128, 132, 140), (92, 96, 106),
    (64, 66, 74), (150, 160, 172), (176, 164, 148),
)  # fmt: skip
"""What else the wearer has on: quiet colours, so that it is clear which garment is meant."""

_INK: Final = (44, 34, 34)
_MIN_DETAIL_CONTRAST: Final = 50.0
_MIN_SKIN_CONTRAST: Final = 20.0
_MIN_OTHER_CONTRAST: Final = 30.0


def choose_paints(garment: Garment, rng: np.random.Generator) -> tuple[Paints, FloatArray | None]:
    """sRGB [3] of every paint, and of the pattern where the garment has one."""
    ground = jittered(garment.color, rng)
    dye = garment.pattern_color
    pattern = None if dye is None else jittered(dye, rng)
    white = garment.color == "white"
    dark = float(ground.mean()) < 120
    other = _away_from(ground, _OTHERS, _MIN_OTHER_CONTRAST, rng)
    skin = _away_from(ground, _SKINS, _MIN_SKIN_CONTRAST, rng)
    paints: dict[Paint, FloatArray] = {
        "main": ground,
        "solid": ground,
        "detail": _standing_out(_DETAILS, ground, pattern, rng),
        "print": _standing_out(_PRINTS, ground, pattern, rng),
        "sole": np.asarray((206, 202, 194) if white else (240, 238, 232), dtype=np.float32),
        "lace": np.asarray((96, 98, 104) if white else (248, 247, 243), dtype=np.float32),
        "stitch": 0.45 * ground + 0.55 * np.float32(250) if dark else 0.5 * ground,
        "thread": 0.78 * ground + 0.22 * np.float32(250) if dark else 0.72 * ground,
        "lining": ground * np.float32(0.55),
        "skin": skin,
        "hair": _away_from(ground, _HAIRS, _MIN_SKIN_CONTRAST, rng),
        "lip": skin * np.array([0.8, 0.56, 0.54], dtype=np.float32),
        "ink": np.asarray(_INK, dtype=np.float32),
        "under": other,
        "other": _away_from(ground, _OTHERS, _MIN_OTHER_CONTRAST, rng),
    }
    return paints, pattern


def _standing_out(
    colors: tuple[Rgb, ...],
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


def _away_from(
    ground: FloatArray, colors: tuple[Rgb, ...], least: float, rng: np.random.Generator
) -> FloatArray:
    """One of the colours, not so near to the garment's own that the two would run together."""
    candidates = np.asarray(colors, dtype=np.float32)
    far = candidates[lab_distance(candidates, ground) >= least]
    chosen: FloatArray = far[int(rng.integers(len(far)))]
    return chosen
