"""Colors beside the reference's: another, darker, lighter, brighter, anything but red."""

from collections.abc import Callable
from typing import Final

import numpy as np

from demo_catalog.garments import COLOR_NAMES
from demo_data.edits import Edit
from demo_data.words.choosing import choose
from demo_data.words.colors import COLORS, LIGHTNESS, LIGHTNESS_MARGIN, VIVID
from demo_data.words.sayings import Saying, grade, relative

_DARK: Final = 0.32
_LIGHT: Final = 0.75
"""Lightness up to which, and from which, people call a color dark or light as such."""


def relative_color(edit: Edit, rng: np.random.Generator) -> list[Saying]:
    """All ways to say a change of color by comparison."""
    old, new = edit.reference.color, edit.target.color
    if old == new:
        return []
    return [_another(old), _not(old, choose(rng, COLORS[old])), *_shades(old, new, rng)]


def _another(old: str) -> Saying:
    return relative(
        "color", frozenset(COLOR_NAMES) - {old}, things=("a different color", "another color"),
        verbs=("is a different color", "is another color"),
        behind=("in a different color", "in another color", "in any other color"),
        orders=("change the color", "use another color", "pick a different color"),
    )  # fmt: skip


def _not(old: str, said: str) -> Saying:
    return relative(
        "color", frozenset(COLOR_NAMES) - {old},
        verbs=(
            f"is not {said}", f"isn't {said}", f"is anything but {said}", f"is no longer {said}",
            f"is not {said} anymore",
        ),
        behind=(f"but not {said}", f"but not in {said}", f"in anything but {said}"),
        orders=(f"not {said}", f"anything but {said}", f"i don't want {said}"),
    )  # fmt: skip


def _shades(old: str, new: str, rng: np.random.Generator) -> list[Saying]:
    darker = _colors(lambda value: LIGHTNESS[old] - LIGHTNESS[value] >= LIGHTNESS_MARGIN)
    lighter = _colors(lambda value: LIGHTNESS[value] - LIGHTNESS[old] >= LIGHTNESS_MARGIN)
    options = [("darker", darker)] * 2 + [("lighter", lighter)] * 2
    options.append(("brighter", lighter & VIVID))
    if old not in VIVID:
        options.append(("more colorful", VIVID))
    found = [_shade(grade(rng) + word, allowed) for word, allowed in options if new in allowed]
    # Said of the color as such, which is news where the reference's is on the other side.
    if LIGHTNESS[old] > _DARK + LIGHTNESS_MARGIN:
        found += _absolute("dark", _colors(lambda value: LIGHTNESS[value] <= _DARK), new)
    if LIGHTNESS[old] < _LIGHT - LIGHTNESS_MARGIN:
        found += _absolute("light", _colors(lambda value: LIGHTNESS[value] >= _LIGHT), new)
    return found


def _colors(holds: Callable[[str], bool]) -> frozenset[str]:
    return frozenset(color for color in COLOR_NAMES if holds(color))


def _shade(word: str, allowed: frozenset[str]) -> Saying:
    one = word if word.startswith("a ") else f"a {word}"
    return relative(
        "color", allowed, adjectives=(word,), things=(f"{one} color",),
        verbs=(f"is {word}", f"is {word} in color", f"is {one} color"),
        behind=(f"in {one} color", f"in {one} shade", f"but {word}"),
        orders=(f"make it {word}", f"make the color {word}"),
    )  # fmt: skip


def _absolute(word: str, allowed: frozenset[str], new: str) -> list[Saying]:
    if new not in allowed:
        return []
    said = relative(
        "color", allowed, adjectives=(f"{word} colored",), things=(f"a {word} color",),
        verbs=(f"is a {word} color",), behind=(f"in a {word} color", f"in something {word}"),
    )  # fmt: skip
    return [said]
