"""What means something beside the reference alone: "darker", "longer sleeves", "not striped".

Every value of which the words are true is right.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from demo_catalog.garments import (
    ATTRIBUTES,
    PATTERN_COLORS,
    PATTERNS,
    PRINTS,
    Garment,
    Value,
    visible_pattern_colors,
)
from demo_data.edits import Edit
from demo_data.words import lexicon
from demo_data.words.choosing import Words, choose, pick
from demo_data.words.relative_color import relative_color
from demo_data.words.sayings import Saying, grade, relative

_ORDER: Final = {"sleeve": ("none", "short", "long"), "length": ("short", "knee", "long")}


def relative_saying(name: str, edit: Edit, rng: np.random.Generator) -> Saying | None:
    """Ways to say one change by comparison; None where nobody would."""
    maker = _MAKERS.get(name)
    options = maker(edit, rng) if maker is not None else []
    return options[int(rng.integers(len(options)))] if options else None


def _pattern(edit: Edit, rng: np.random.Generator) -> list[Saying]:
    old, new = edit.reference.pattern, edit.target.pattern
    if old == new or "pattern_color" in edit.named:
        return []
    patterned = frozenset(PATTERNS) - {"plain", old}
    if old == "plain":
        said = relative(
            "pattern", patterned, adjectives=("patterned",),
            verbs=("is not plain", "is more patterned", "isn't plain"),
            things=("a pattern", "some pattern", "a pattern on it", "more of a pattern"),
            orders=("add a pattern", "give it a pattern"),
        )  # fmt: skip
        return [said]
    word = choose(rng, lexicon.PATTERN_ADJECTIVES[old])
    # What is not striped may be plain, and has then no second color; or it keeps the one it had.
    second = edit.wish["pattern_color"] | {None} | _kept(edit.reference, edit.target)
    negated = relative(
        "pattern", frozenset(PATTERNS) - {old},
        behind=(f"but not {word}",),
        verbs=(f"is not {word}", f"isn't {word}", f"is no longer {word}"),
        orders=(f"make it anything but {word}", f"i don't want it {word}"),
        also={"pattern_color": second},
    )  # fmt: skip
    if new == "plain":
        return [negated]
    different = relative(
        "pattern", patterned,
        things=("a different pattern", "another pattern", "a different design"),
        orders=("change the pattern", "use a different pattern"),
    )  # fmt: skip
    return [negated, different]


def _kept(reference: Garment, target: Garment) -> frozenset[Value]:
    """Colors that the pattern of a target may have, were it another pattern."""
    if target.pattern != "plain":
        return frozenset()
    visible = frozenset[Value](visible_pattern_colors(target.color))
    return frozenset([reference.pattern_color]) if reference.pattern_color in visible else visible


def _pattern_color(edit: Edit, rng: np.random.Generator) -> list[Saying]:
    old, new = edit.reference, edit.target
    if old.pattern != new.pattern or old.pattern_color == new.pattern_color:
        return []
    noun = choose(rng, lexicon.COLORED_PATTERN[new.pattern])
    said = relative(
        "pattern_color", frozenset(PATTERN_COLORS) - {old.pattern_color},
        things=(
            f"different colored {noun}", f"{noun} in another color", f"{noun} in a different color",
        ),
        orders=(f"change the color of the {noun}", f"use another color for the {noun}"),
    )  # fmt: skip
    return [said]


def _print(edit: Edit, rng: np.random.Generator) -> list[Saying]:
    old, new = edit.reference.print, edit.target.print
    if new is None or old == new:
        return []
    noun = pick(rng, lexicon.ANY_PRINT)
    allowed = frozenset(PRINTS) - {old}
    if old is None:
        things: Words = (f"a {noun}", f"some {noun}", f"a {noun} on it", f"a {noun} on the front")
        orders: Words = (f"add a {noun}", f"put a {noun} on it")
        return [relative("print", allowed, things=things, orders=orders)]
    things = (f"a different {noun}", f"another {noun}", f"a different {noun} on it")
    orders = (f"change the {noun}", f"use another {noun}")
    return [relative("print", allowed, things=things, orders=orders)]


def _sleeve(edit: Edit, rng: np.random.Generator) -> list[Saying]:
    found = _ordered("sleeve", edit)
    if found is None:
        return []
    longer, allowed = found
    word = grade(rng) + ("longer" if longer else "shorter")
    verbs: Words = ("covers more of the arms",) if longer else ("shows more of the arms",)
    orders: Words = (f"make the sleeves {word}", f"give it {word} sleeves")
    options = [relative("sleeve", allowed, things=(f"{word} sleeves",), verbs=verbs, orders=orders)]
    if longer and edit.reference.sleeve == "none":
        things: Words = ("sleeves", "some sleeves", "sleeves on it")
        verbs = ("is not sleeveless", "isn't sleeveless", "has actual sleeves")
        orders = ("add sleeves", "give it sleeves")
        options.append(relative("sleeve", allowed, things=things, verbs=verbs, orders=orders))
    return options + _coverage("sleeve", edit.target, longer, allowed)


def _length(edit: Edit, rng: np.random.Generator) -> list[Saying]:
    found = _ordered("length", edit)
    if found is None:
        return []
    longer, allowed = found
    word = grade(rng) + ("longer" if longer else "shorter")
    more: Words = ("is not as short",) if longer else ("is not as long", "shows more leg")
    said = relative(
        "length", allowed, adjectives=(word,),
        verbs=(f"is {word}", f"is {word} in length", *more),
        behind=(f"but {word}", f"but {word} in length"),
        orders=(f"make it {word}", f"make the length {word}"),
    )  # fmt: skip
    return [said, *_coverage("length", edit.target, longer, allowed)]


def _ordered(name: str, edit: Edit) -> tuple[bool, frozenset[Value]] | None:
    """Whether the target is longer, and every value that is so; None where nothing compares."""
    order = _ORDER[name]
    old, new = getattr(edit.reference, name), getattr(edit.target, name)
    if old not in order or new not in order or old == new:
        return None
    longer = order.index(new) > order.index(old)
    allowed = frozenset(
        value for value in ATTRIBUTES[name][edit.target.category]
        if value != old and (order.index(str(value)) > order.index(old)) == longer
    )  # fmt: skip
    return longer, allowed


def _coverage(name: str, target: Garment, longer: bool, allowed: frozenset[Value]) -> list[Saying]:
    """ "more revealing", said of a garment where one thing alone can make it so."""
    able = [n for n in _ORDER if len(ATTRIBUTES[n].get(target.category, ())) > 1]
    if able != [name]:
        return []
    word = "less revealing" if longer else "more revealing"
    verb = "covers more" if longer else "shows more skin"
    return [relative(name, allowed, adjectives=(word,), verbs=(verb,))]


_MAKERS: Final[dict[str, Callable[[Edit, np.random.Generator], list[Saying]]]] = {
    "color": relative_color, "pattern": _pattern, "pattern_color": _pattern_color, "print": _print,
    "sleeve": _sleeve, "length": _length,
}  # fmt: skip
