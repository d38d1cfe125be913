"""What a drawn garment is: its attributes, which of them go together, and how one is sampled."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from demo_catalog.palette import COLORS, contrast

Value = str | bool | None

CATEGORIES: Final = (
    "hoodie", "coat", "jeans", "shirt", "t-shirt", "dress", "skirt", "shorts", "sneakers", "hat",
)  # fmt: skip
COLOR_NAMES: Final = tuple(COLORS)
PATTERNS: Final = ("plain", "striped", "checked", "dotted", "floral")
PATTERN_COLORS: Final = ("white", "black", "red", "yellow", "blue", "pink")
PRINTS: Final = ("logo", "star", "heart", "lightning", "moon", "cat")
MIN_PATTERN_CONTRAST: Final = 45.0
"""CIE76 difference under which a pattern would not be seen on its ground."""

_EITHER: Final = (False, True)
_ALWAYS: Final = (True,)
_SLEEVES: Final = ("none", "short", "long")
_LENGTHS: Final = ("short", "knee", "long")
_PRINTED: Final[tuple[Value, ...]] = (None, *PRINTS)

ATTRIBUTES: Final[Mapping[str, Mapping[str, tuple[Value, ...]]]] = {
    "color": dict.fromkeys(CATEGORIES, COLOR_NAMES),
    "pattern": dict.fromkeys(CATEGORIES, PATTERNS),
    "pattern_color": dict.fromkeys(CATEGORIES, (None, *PATTERN_COLORS)),
    "sleeve": {
        "hoodie": _SLEEVES,
        "coat": ("long",),
        "shirt": ("short", "long"),
        "t-shirt": _SLEEVES,
        "dress": _SLEEVES,
    },
    "length": {"coat": _LENGTHS, "dress": _LENGTHS, "skirt": _LENGTHS, "shorts": ("short", "knee")},
    "hood": {"hoodie": _ALWAYS, "coat": _EITHER},
    "pocket": dict.fromkeys(
        ("hoodie", "coat", "jeans", "shirt", "t-shirt", "dress", "skirt", "shorts"), _EITHER
    ),
    "buttons": dict.fromkeys(("coat", "shirt", "t-shirt", "dress", "skirt"), _EITHER),
    "print": dict.fromkeys(("hoodie", "t-shirt", "sneakers", "hat"), _PRINTED),
}
"""attribute -> category -> values that a garment of this category can have.

A category that is absent under an attribute has none of it: the field is then None (False for
hood, pocket and buttons). ``pattern_color`` is None exactly where the pattern is plain, and
otherwise a colour of enough contrast to the garment's own.
"""

_FLAGS: Final = ("hood", "pocket", "buttons")
_PLAIN_SHARE: Final = 0.44
_FLAG_SHARE: Final = {"hood": 0.45, "pocket": 0.45, "buttons": 0.5}
_PRINT_SHARE: Final = 0.5
_HOODIE_SLEEVES: Final = {"none": 0.12, "short": 0.2, "long": 0.68}


class InvalidGarmentError(ValueError):
    """The attributes do not go together, or one has a value that does not exist."""


@dataclass(frozen=True, slots=True)
class Garment:
    """One drawn garment; every field can be seen in its picture."""

    category: str
    color: str
    pattern: str = "plain"
    pattern_color: str | None = None
    sleeve: str | None = None
    length: str | None = None
    hood: bool = False
    pocket: bool = False
    buttons: bool = False
    print: str | None = None

    def attributes(self) -> dict[str, str | bool | float]:
        """What applies to the category, for a feed; a print that could be but is not is "none"."""
        found: dict[str, str | bool | float] = {"category": self.category}
        for name, by_category in ATTRIBUTES.items():
            value: Value = getattr(self, name)
            if self.category not in by_category or (name == "pattern_color" and value is None):
                continue
            found[name] = "none" if value is None else value
        return found


def possible_values(garment: Garment, attribute: str) -> tuple[Value, ...]:
    """Values that ``attribute`` can take while everything else about the garment stays.

    The present value is among them. For ``category`` these are all categories, although a change
    of category drops what the new one does not have (see ``with_changes``).
    """
    if attribute == "category":
        return CATEGORIES
    values = ATTRIBUTES[attribute].get(garment.category)
    if values is None:
        return (False,) if attribute in _FLAGS else (None,)
    if attribute == "pattern_color":
        if garment.pattern == "plain":
            return (None,)
        return visible_pattern_colors(garment.color)
    if attribute == "color" and garment.pattern_color is not None:
        return tuple(c for c in COLOR_NAMES if garment.pattern_color in visible_pattern_colors(c))
    return values


def visible_pattern_colors(color: str) -> tuple[str, ...]:
    """Pattern colours that stand out on a ground of this colour; at least two for each."""
    return tuple(p for p in PATTERN_COLORS if contrast(color, p) >= MIN_PATTERN_CONTRAST)


def check_garment(garment: Garment) -> None:
    """Raise InvalidGarmentError unless the garment's attributes exist and go together."""
    if garment.category not in CATEGORIES:
        raise InvalidGarmentError(f"unknown category {garment.category!r}")
    for name in ATTRIBUTES:
        value = getattr(garment, name)
        if value not in possible_values(garment, name):
            raise InvalidGarmentError(f"{garment.category}: {name} cannot be {value!r}")


def with_changes(garment: Garment, **changes: Value) -> Garment:
    """The garment with the given attributes, and what follows from them.

    A patterned ground needs a pattern colour: if none is asked for, the present one is kept where
    it stands out and else the first that does is taken. A change of category drops what the new
    one does not have and takes, for what it newly has, the last of its values in ``ATTRIBUTES``
    (long sleeves, full length) and no pocket, buttons, hood or print where that is a choice.

    Raises:
        InvalidGarmentError: an asked value does not exist or does not fit the category.
    """
    unknown = sorted(set(changes) - {field.name for field in fields(Garment)})
    if unknown:
        raise InvalidGarmentError(f"unknown attributes: {', '.join(unknown)}")
    changed = replace(garment, **changes)  # type: ignore[arg-type]  # checked below
    if changed.category not in CATEGORIES or changed.color not in COLORS:
        raise InvalidGarmentError("unknown category or color")
    if "category" in changes:
        fitted = {
            name: _fitting(changed, name)
            for name in ("sleeve", "length", "print", *_FLAGS)
            if name not in changes
        }
        changed = replace(changed, **fitted)  # type: ignore[arg-type]  # checked below
    if "pattern_color" not in changes:
        changed = replace(changed, pattern_color=_fitting_pattern_color(changed))
    check_garment(changed)
    return changed


def _fitting(garment: Garment, attribute: str) -> Value:
    present: Value = getattr(garment, attribute)
    values = possible_values(garment, attribute)
    if present in values:
        return present
    return values[-1] if attribute in ("sleeve", "length") else values[0]


def _fitting_pattern_color(garment: Garment) -> str | None:
    if garment.pattern == "plain":
        return None
    visible = visible_pattern_colors(garment.color)
    return garment.pattern_color if garment.pattern_color in visible else visible[0]


def sample_garment(rng: np.random.Generator) -> Garment:
    """A valid garment: categories and colours uniform, the rest as a shop might stock it."""
    category = _pick(rng, CATEGORIES)
    color = _pick(rng, COLOR_NAMES)
    plain = rng.random() < _PLAIN_SHARE
    pattern = "plain" if plain else _pick(rng, PATTERNS[1:])
    pattern_color = None if plain else _pick(rng, visible_pattern_colors(color))
    printed = category in ATTRIBUTES["print"] and rng.random() < _PRINT_SHARE
    flags = {name: _sample_flag(rng, name, category) for name in _FLAGS}
    return Garment(
        category=category,
        color=color,
        pattern=pattern,
        pattern_color=pattern_color,
        sleeve=_sample_sleeve(rng, category),
        length=_sample_text(rng, "length", category),
        print=_pick(rng, PRINTS) if printed else None,
        **flags,
    )


def _pick(rng: np.random.Generator, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]


def _sample_text(rng: np.random.Generator, attribute: str, category: str) -> str | None:
    values = ATTRIBUTES[attribute].get(category)
    return None if values is None else _pick(rng, tuple(str(value) for value in values))


def _sample_sleeve(rng: np.random.Generator, category: str) -> str | None:
    if category != "hoodie":
        return _sample_text(rng, "sleeve", category)
    names = tuple(_HOODIE_SLEEVES)
    return names[int(rng.choice(len(names), p=list(_HOODIE_SLEEVES.values())))]


def _sample_flag(rng: np.random.Generator, name: str, category: str) -> bool:
    values = ATTRIBUTES[name].get(category, (False,))
    return bool(values[0]) if len(values) == 1 else bool(rng.random() < _FLAG_SHARE[name])
