"""One change in words, in four grammatical moods.

"with": behind a noun ("in red", "without a hood"); "is": behind "it" ("has long sleeves");
"do": an order ("add a pocket"); "noun": a noun phrase ("long sleeves", "red").
A phrase may also narrow or widen the wish ("darker" allows several colours).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from demo_catalog.garments import ATTRIBUTES, COLOR_NAMES, Garment, Value
from demo_data import lexicon

Mood = Literal["with", "is", "do"]
RELATIVE_SHARE: Final = 0.12
_ORDER: Final = {"sleeve": ("none", "short", "long"), "length": ("short", "knee", "long")}


@dataclass(frozen=True)
class Phrase:
    """Words for a change, and the values that satisfy them (None: exactly the target's)."""

    words: str
    allowed: frozenset[Value] | None = None
    relative: bool = False


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def phrase(
    name: str, reference: Garment, target: Garment, mood: Mood, rng: np.random.Generator
) -> Phrase:
    """Words for the change of one attribute."""
    if rng.random() < RELATIVE_SHARE:
        relative = _relative(name, reference, target, mood, rng)
        if relative is not None:
            return relative
    value = getattr(target, name)
    maker = {
        "category": _category, "color": _color, "pattern": _pattern, "sleeve": _sleeve,
        "length": _length, "print": _print,
    }.get(name)  # fmt: skip
    if maker is not None:
        return Phrase(maker(reference, target, mood, rng))
    if name == "pattern_color":
        return Phrase(colored_pattern(target, mood, rng))
    return Phrase(_flag(name, bool(value), mood, rng))


def with_article(noun: str) -> str:
    """ "a dress", "an overcoat", "jeans"."""
    if noun in lexicon.PLURAL:
        return noun
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _category(reference: Garment, target: Garment, mood: Mood, rng: np.random.Generator) -> str:
    new = pick(rng, lexicon.NOUNS[target.category])
    old = pick(rng, lexicon.NOUNS[reference.category])
    named = with_article(new)
    if mood == "with":
        return pick(rng, (f"as {named}", f"as {named}", f"but {named}", f"as {named} not {old}"))
    if mood == "is":
        return pick(
            rng,
            (f"is {named}", f"is {named}", f"is {named} instead of {with_article(old)}",
             f"is {named} and not {with_article(old)}"),
        )  # fmt: skip
    return pick(
        rng,
        (f"make it {named}", f"turn it into {named}", f"change the {old} to {named}",
         f"swap the {old} for {named}", f"change it to {named}"),
    )  # fmt: skip


def _color(reference: Garment, target: Garment, mood: Mood, rng: np.random.Generator) -> str:
    new = pick(rng, lexicon.COLORS[target.color])
    old = pick(rng, lexicon.COLORS[reference.color])
    options: tuple[str, ...]
    if mood == "with":
        options = (
            f"in {new}", f"in {new}", f"in {new}", f"but {new}", f"in {new} not {old}",
            f"in the color {new}", f"in {new} instead of {old}", f"in a {new} color",
        )  # fmt: skip
    elif mood == "is":
        options = (
            f"is {new}", f"is {new}", f"is {new}", f"is more {new}", f"is {new} in color",
            f"is {new} not {old}", f"is {new} instead of {old}", f"is {new} rather than {old}",
            f"has a {new} color", f"comes in {new}",
        )  # fmt: skip
    else:
        options = (
            f"make it {new}", f"make it {new}", f"make it {new}", f"change the color to {new}",
            f"change {old} to {new}", f"replace {old} with {new}", f"turn it {new}",
            f"color it {new}", f"make the color {new}", f"dye it {new}",
        )  # fmt: skip
    return pick(rng, options)


def _pattern(reference: Garment, target: Garment, mood: Mood, rng: np.random.Generator) -> str:
    adjective = pick(rng, lexicon.PATTERN_ADJECTIVES[target.pattern])
    noun = pick(rng, lexicon.PATTERN_NOUNS[target.pattern])
    if target.pattern == "plain" and rng.random() < 0.4:
        old = pick(rng, (*lexicon.COLORED_PATTERN[reference.pattern], "pattern"))
        return {
            "with": f"without {pick(rng, ('the ', '', 'any '))}{old}",
            "is": f"has no {old}",
            "do": f"{pick(rng, ('remove', 'drop', 'lose', 'get rid of'))} the {old}",
        }[mood]
    if mood == "with":
        return pick(rng, (f"with {noun}", f"with {noun}", f"but {adjective}", adjective))
    if mood == "is":
        return pick(rng, (f"is {adjective}", f"has {noun}", f"has {noun}", f"is more {adjective}"))
    return pick(
        rng, (f"make it {adjective}", f"make it {adjective}", f"give it {noun}", f"use {noun}")
    )


def colored_pattern(target: Garment, mood: Mood, rng: np.random.Generator) -> str:
    """ "with white stripes": the pattern and its colour."""
    color = pick(rng, lexicon.COLORS[str(target.pattern_color)])
    noun = pick(rng, lexicon.COLORED_PATTERN[target.pattern])
    if mood == "with":
        return pick(
            rng, (f"with {color} {noun}", f"with {color} {noun}", f"with {noun} in {color}")
        )
    if mood == "is":
        return pick(
            rng, (f"has {color} {noun}", f"has {color} {noun}", f"has {noun} that are {color}")
        )
    return pick(
        rng,
        (f"make the {noun} {color}", f"use {color} {noun}", f"give it {color} {noun}",
         f"change the {noun} to {color}"),
    )  # fmt: skip


def _sleeve(reference: Garment, target: Garment, mood: Mood, rng: np.random.Generator) -> str:
    noun = pick(rng, lexicon.SLEEVES[str(target.sleeve)])
    adjective = pick(rng, lexicon.SLEEVE_ADJECTIVES[str(target.sleeve)])
    if mood == "with":
        return pick(rng, (f"with {noun}", f"with {noun}", adjective, f"but {adjective}"))
    if mood == "is":
        return pick(rng, (f"has {noun}", f"has {noun}", f"is {adjective}"))
    if target.sleeve == "none":
        return pick(
            rng,
            ("remove the sleeves", "make it sleeveless", "cut off the sleeves", "drop the sleeves"),
        )
    plain = str(target.sleeve)
    return pick(
        rng,
        (f"give it {noun}", f"make the sleeves {plain}", f"make it {adjective}",
         f"change to {noun}", f"add {noun}"),
    )  # fmt: skip


def _length(reference: Garment, target: Garment, mood: Mood, rng: np.random.Generator) -> str:
    word = pick(rng, lexicon.LENGTHS[str(target.length)])
    if mood == "with":
        return pick(rng, (f"in {word}", f"but {word}", f"with a {word} cut", word))
    if mood == "is":
        return pick(rng, (f"is {word}", f"is {word}", f"is {word} in length", f"has a {word} cut"))
    return pick(rng, (f"make it {word}", f"make it {word}", f"change the length to {word}"))


def _print(reference: Garment, target: Garment, mood: Mood, rng: np.random.Generator) -> str:
    old = pick(rng, lexicon.PRINTS[reference.print]) if reference.print else ""
    if target.print is None:
        gone = pick(rng, (*lexicon.NO_PRINT, *((old,) * 4 if old else ())))
        return {
            "with": f"without {pick(rng, ('the ', 'a ', 'any ', ''))}{gone}",
            "is": pick(rng, (f"has no {gone}", f"has no {gone}", f"does not have a {gone}")),
            "do": f"{pick(rng, ('remove', 'take off', 'drop', 'lose'))} the {gone}",
        }[mood]
    new = pick(rng, lexicon.PRINTS[target.print])
    place = pick(rng, ("", "", " on it", " on the front"))
    swap = f" instead of the {old}" if old and rng.random() < 0.3 else ""
    if mood == "with":
        return f"with a {new}{place}{swap}"
    if mood == "is":
        return pick(rng, (f"has a {new}{place}{swap}", f"features a {new}{place}"))
    if old and rng.random() < 0.5:
        return pick(rng, (f"replace the {old} with a {new}", f"swap the {old} for a {new}"))
    return pick(rng, (f"add a {new}{place}", f"put a {new} on it", f"print a {new}{place}"))


def _flag(name: str, value: bool, mood: Mood, rng: np.random.Generator) -> str:
    if not value:
        gone = pick(rng, lexicon.NO_FLAGS[name])
        return {
            "with": pick(rng, (f"without {gone}", f"without the {gone}", f"with no {gone}")),
            "is": pick(rng, (f"has no {gone}", f"does not have {gone}", f"is without {gone}")),
            "do": f"{pick(rng, ('remove', 'drop', 'take away', 'lose'))} the {gone}",
        }[mood]
    thing = pick(rng, lexicon.FLAGS[name])
    if mood == "with":
        return f"with {thing}"
    if mood == "is":
        return pick(rng, (f"has {thing}", f"has {thing}", f"comes with {thing}"))
    return pick(rng, (f"add {thing}", f"give it {thing}", f"put {thing} on it"))


def _relative(
    name: str, reference: Garment, target: Garment, mood: Mood, rng: np.random.Generator
) -> Phrase | None:
    if name == "color":
        return _relative_color(reference.color, target.color, mood, rng)
    order = _ORDER.get(name)
    old, new = getattr(reference, name), getattr(target, name)
    if order is None or old not in order or new not in order or old == new:
        return None
    possible = ATTRIBUTES[name][target.category]
    longer = order.index(new) > order.index(old)
    allowed = frozenset(
        value for value in possible
        if value != old and (order.index(str(value)) > order.index(old)) == longer
    )  # fmt: skip
    word = "longer" if longer else "shorter"
    thing = f"{word} sleeves" if name == "sleeve" else word
    words = {
        "with": f"with {thing}" if name == "sleeve" else f"but {word}",
        "is": f"has {thing}" if name == "sleeve" else f"is {word}",
        "do": f"make the sleeves {word}" if name == "sleeve" else f"make it {word}",
    }[mood]
    return Phrase(words, allowed, relative=True)


def _relative_color(old: str, new: str, mood: Mood, rng: np.random.Generator) -> Phrase | None:
    step = lexicon.LIGHTNESS[new] - lexicon.LIGHTNESS[old]
    if rng.random() < 0.3 or abs(step) < lexicon.LIGHTNESS_MARGIN:
        word = pick(rng, ("different", "another"))
        article = "a " if word == "different" else ""
        words = {
            "with": f"in {article}{word} color",
            "is": f"is {article}{word} color",
            "do": "change the color",
        }[mood]
        return Phrase(words, frozenset(COLOR_NAMES) - {old}, relative=True)
    word = "darker" if step < 0 else "lighter"
    sign = -1 if step < 0 else 1
    allowed = frozenset(
        color for color in COLOR_NAMES
        if sign * (lexicon.LIGHTNESS[color] - lexicon.LIGHTNESS[old]) >= lexicon.LIGHTNESS_MARGIN
    )  # fmt: skip
    words = {
        "with": pick(rng, (f"in a {word} color", f"but {word}", f"in a {word} shade")),
        "is": pick(rng, (f"is {word}", f"is {word} in color", f"has a {word} color")),
        "do": pick(rng, (f"make it {word}", f"make the color {word}")),
    }[mood]
    return Phrase(words, allowed, relative=True)
