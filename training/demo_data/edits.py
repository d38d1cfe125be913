"""What an edit asks for: which attributes change, and what every other one must be."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from demo_catalog.garments import (
    ATTRIBUTES,
    PATTERN_COLORS,
    Garment,
    Value,
    possible_values,
    sample_garment,
    visible_pattern_colors,
    with_changes,
)
from demo_data.attributes import NAMES, Wish

MAX_CHANGES: Final = 3
_CHANGE_COUNTS: Final = (0.4, 0.35, 0.25)
_WEIGHTS: Final = {
    "category": 0.15, "color": 0.3, "pattern": 0.2, "pattern_color": 0.12, "sleeve": 0.16,
    "length": 0.14, "hood": 0.12, "pocket": 0.13, "buttons": 0.13, "print": 0.16,
}  # fmt: skip
_OPTIONAL_SHARE: Final = 0.4


@dataclass(frozen=True)
class Edit:
    """From a reference to a target: the attributes to be named, and the wish without words.

    `wish` allows for a named attribute its target value; for one that is not named the
    reference's, or anything where the reference has no say (a new category's own attributes, the
    colour of a new pattern).
    """

    reference: Garment
    target: Garment
    named: tuple[str, ...]
    wish: Wish


def sample_family(rng: np.random.Generator, size: int = 3) -> list[Garment]:
    """Garments of which each is one to three changes away from an earlier one."""
    family = [sample_garment(rng)]
    while len(family) < size:
        family.append(vary(family[int(rng.integers(len(family)))], rng))
    return family


def vary(garment: Garment, rng: np.random.Generator) -> Garment:
    """Another garment, one to three attributes away."""
    changed = garment
    count = 1 + int(rng.choice(len(_CHANGE_COUNTS), p=_CHANGE_COUNTS))
    for name in _pick_attributes(garment, count, rng):
        options = [v for v in possible_values(changed, name) if v != getattr(changed, name)]
        if options:
            changed = with_changes(changed, **{name: options[int(rng.integers(len(options)))]})
            if name == "category":
                changed = _fill_new(garment, changed, rng)
    if changed.pattern_color != garment.pattern_color and changed.pattern != "plain":
        options_seen = visible_pattern_colors(changed.color)
        if garment.pattern_color not in options_seen:
            pick = options_seen[int(rng.integers(len(options_seen)))]
            changed = replace(changed, pattern_color=pick)
    return changed if changed != garment else vary(garment, rng)


def _pick_attributes(garment: Garment, count: int, rng: np.random.Generator) -> list[str]:
    names = [name for name in NAMES if len(possible_values(garment, name)) > 1]
    weights = np.array([_WEIGHTS[name] for name in names])
    picked = rng.choice(
        len(names), min(count, len(names)), replace=False, p=weights / weights.sum()
    )
    return [names[index] for index in sorted(picked)]


def _fill_new(before: Garment, after: Garment, rng: np.random.Generator) -> Garment:
    """Random values for what only the new category has."""
    for name, by_category in ATTRIBUTES.items():
        if before.category not in by_category and after.category in by_category:
            options = by_category[after.category]
            value = options[int(rng.integers(len(options)))]
            after = with_changes(after, **{name: value})
    return after


def make_edit(reference: Garment, target: Garment, rng: np.random.Generator) -> Edit | None:
    """The edit that leads from one garment to another, or None beyond one to three changes."""
    required: list[str] = []
    optional: list[str] = []
    wish: dict[str, frozenset[Value]] = {}
    for name in NAMES:
        old, new = getattr(reference, name), getattr(target, name)
        free = _free_values(reference, target, name)
        if free is not None:
            wish[name] = free
            if len(free) > 1:
                optional.append(name)
        else:
            wish[name] = frozenset([new])
            if old != new and not _follows(reference, target, name):
                required.append(name)
    if len(required) > MAX_CHANGES:
        return None
    named = list(required)
    for name in optional:
        if len(named) < MAX_CHANGES and rng.random() < _OPTIONAL_SHARE:
            named.append(name)
            wish[name] = frozenset([getattr(target, name)])
    return Edit(reference, target, tuple(named), wish) if named else None


def _follows(reference: Garment, target: Garment, name: str) -> bool:
    """Whether a difference is a consequence of another change and needs no words."""
    if name == "pattern_color":
        return target.pattern == "plain"
    if name in ("category", "color", "pattern"):
        return False
    values = ATTRIBUTES[name].get(target.category)
    return values is None or len(values) == 1


def _free_values(reference: Garment, target: Garment, name: str) -> frozenset[Value] | None:
    """Values allowed where the reference has no say; None where it has."""
    if name in ("category", "color", "pattern"):
        return None
    if name == "pattern_color":
        if target.pattern == "plain":
            return None
        if reference.pattern_color in visible_pattern_colors(target.color):
            return None
        return frozenset(PATTERN_COLORS)
    values = ATTRIBUTES[name].get(target.category)
    if values is None:
        return None
    if reference.category in ATTRIBUTES[name] and getattr(reference, name) in values:
        return None
    return frozenset(values)
