"""The name that people would give to a colour."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLACK_LIGHTNESS: Final = 29.0
_WHITE_LIGHTNESS: Final = 76.0


def name_color(lab: Floats) -> str:
    """One of `names.COLOR_NAMES` for CIE L*a*b* (D65) [3], as a photo of cloth indoors shows it.

    Regions of lightness, chroma and hue: cloth in shade is darker and greyer than its dye, and
    lamps make white yellowish, so the regions of black, gray and white reach further than on a
    screen.
    """
    lightness, a, b = (float(value) for value in lab)
    chroma, hue = float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360)
    if chroma < _gray_chroma(lightness, hue):
        return _gray_name(lightness)
    return _hue_name(lightness, chroma, hue)


def _gray_name(lightness: float) -> str:
    if lightness < _BLACK_LIGHTNESS:
        return "black"
    return "white" if lightness > _WHITE_LIGHTNESS else "gray"


def _gray_chroma(lightness: float, hue: float) -> float:
    """Chroma under which a colour passes for black, gray or white."""
    warm = 20 < hue < 110
    if lightness > _WHITE_LIGHTNESS:
        if hue <= 20 or hue >= 335:
            return 4.5  # pale pink, which no lamp makes of white
        return 11.0 if warm else 9.0 if hue < 200 else 7.0
    if lightness < _BLACK_LIGHTNESS:
        return 9.0 if warm else 7.0
    if 215 < hue < 285 and lightness > 42:
        return 5.5  # denim
    return 8.5 if warm else 7.0


def _hue_name(lightness: float, chroma: float, hue: float) -> str:
    if 30 <= hue < 112 and _is_earthy(lightness, chroma, hue):
        return _earthy_name(lightness, chroma, hue)
    if hue < 18 or hue >= 335:
        return _rosy_name(lightness, chroma, hue)
    if hue < 45:
        return "pink" if lightness > 58 and chroma < 60 else "red"
    if hue < 74:
        return "orange"
    if hue < (110 if lightness > 60 else 104):
        return "yellow"
    if hue < 205:
        return "green"
    if hue < 305:
        return _blue_name(lightness, chroma, hue)
    return "pink" if lightness > 62 and hue > 318 else "purple"


def _is_earthy(lightness: float, chroma: float, hue: float) -> bool:
    """Dull orange and yellow: brown, beige and olive."""
    if hue > 88 and lightness > 58:
        return chroma < (20 if lightness > 72 else 30)
    return chroma < (30 + 0.3 * lightness if hue < 70 else 22 + 0.38 * lightness)


def _earthy_name(lightness: float, chroma: float, hue: float) -> str:
    if hue > 92 and lightness <= 58:
        return "green"
    if hue < 45 and lightness > 60:
        return "pink" if chroma < 40 else "orange"
    if hue < 42 and chroma > 24:
        return "red" if chroma > 0.5 * lightness else "brown"
    return "beige" if lightness > 57 else "brown"


def _rosy_name(lightness: float, chroma: float, hue: float) -> str:
    if lightness > 49 or (chroma > 62 and lightness > 46):
        return "pink"
    if lightness > 30 and (hue >= 335 or hue < 12):
        return _magenta_name(chroma, hue)
    if lightness < 30 and 335 <= hue < 352:
        return "purple"
    return "red" if lightness > 20 or chroma > 20 else "purple"


def _magenta_name(chroma: float, hue: float) -> str:
    """Fuchsia and raspberry are called pink; a dull one is a mauve or a faded red."""
    if chroma > 30:
        return "pink"
    return "purple" if hue >= 335 else "red"


def _blue_name(lightness: float, chroma: float, hue: float) -> str:
    if hue > 290 and lightness > 45 and chroma < 40:
        return "purple"
    if lightness < 31 and chroma < 45:
        return "blue" if hue < 240 and chroma > 15 else "navy"
    return "blue"
