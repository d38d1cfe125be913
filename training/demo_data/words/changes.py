"""How to say each value of a garment's attributes, beside the reference or without one."""

from collections.abc import Callable
from typing import Final

import numpy as np

from demo_catalog.garments import Garment
from demo_data.words import lexicon
from demo_data.words.choosing import Words, choose, pick
from demo_data.words.colors import COLORS, color_words
from demo_data.words.garments import NOUNS, with_article
from demo_data.words.sayings import Saying, category_saying, color_saying

_OLD_SHARE: Final = 0.3
"""How often a change of color or category names what was there."""
_REMOVING: Final = (
    "remove", "drop", "lose", "get rid of", "take off", "take away", "leave out", "ditch", "delete",
    "omit", "cut out", "do without", "forget", "erase",
)  # fmt: skip
_LESS_SHARE: Final = 0.3
_ADDING: Final = ("add", "give it", "i want", "include", "put on")


def saying_of(
    name: str, reference: Garment | None, target: Garment, rng: np.random.Generator
) -> Saying:
    """Ways to say what `target` is by one attribute.

    `reference` is what the words set out from; None for a description, which has nothing to change.
    """
    return _SAYINGS[name](reference, target, rng)


def ground_saying(target: Garment, rng: np.random.Generator) -> Saying:
    """Color and pattern in one breath: "red with white stripes", "red striped"."""
    color = choose(rng, COLORS[target.color])
    if target.pattern_color is None:
        adjective = choose(rng, lexicon.PATTERN_ADJECTIVES["plain"][:3])
        return Saying((f"{adjective} {color}",), behind=(f"in {adjective} {color}",))
    second = choose(rng, COLORS[target.pattern_color])
    noun = choose(rng, lexicon.COLORED_PATTERN[target.pattern])
    adjective = choose(rng, lexicon.PATTERN_ADJECTIVES[target.pattern])
    both = f"{color} with {second} {noun}"
    return Saying(
        (f"{color} and {second} {adjective}",),
        behind=(f"in {both}", f"in {color} and {second} {noun}"),
        verbs=(f"is {both}", f"is {both}", f"is {color} with {noun} in {second}"),
        orders=(f"make it {both}",),
    )


def colored_pattern(_: Garment | None, target: Garment, rng: np.random.Generator) -> Saying:
    """ "white stripes": pattern and color of it."""
    color = choose(rng, COLORS[str(target.pattern_color)])
    noun = choose(rng, lexicon.COLORED_PATTERN[target.pattern])
    return Saying(
        things=(f"{color} {noun}", f"{color} {noun}", f"{noun} in {color}"),
        verbs=(f"has {noun} that are {color}",),
        orders=(
            f"make the {noun} {color}", f"use {color} {noun}", f"give it {color} {noun}",
            f"change the {noun} to {color}", f"add {color} {noun}",
        ),
    )  # fmt: skip


def _color(reference: Garment | None, target: Garment, rng: np.random.Generator) -> Saying:
    word, colors = color_words(rng, target.color)
    if reference is None:
        return color_saying(word, allowed={"color": colors})
    if reference.color in colors:  # "teal" said of what is green may mean blue, or nothing new
        word, colors = choose(rng, COLORS[target.color]), frozenset([target.color])
    named = reference.color != target.color and rng.random() < _OLD_SHARE
    old = choose(rng, COLORS[reference.color]) if named else None
    return color_saying(word, old, {"color": colors})


def _category(reference: Garment | None, target: Garment, rng: np.random.Generator) -> Saying:
    new = choose(rng, NOUNS[target.category])
    if reference is None or rng.random() >= _OLD_SHARE:
        return category_saying(new)
    return category_saying(new, choose(rng, NOUNS[reference.category]))


def _pattern(reference: Garment | None, target: Garment, rng: np.random.Generator) -> Saying:
    adjectives: Words = (choose(rng, lexicon.PATTERN_ADJECTIVES[target.pattern]),)
    things: Words = (choose(rng, lexicon.PATTERN_THINGS[target.pattern]),)
    patterned = reference is not None and reference.pattern != "plain"
    if reference is not None and patterned and target.pattern == "plain" and rng.random() < 0.5:
        old = pick(rng, (choose(rng, lexicon.COLORED_PATTERN[reference.pattern]), "pattern"))
        return gone(old, rng)
    verbs = (f"is more {adjectives[0]}",) if target.pattern != "plain" else ()
    orders: Words = (f"give it {things[0]}", f"use {things[0]}", f"make it {adjectives[0]}")
    if patterned and reference is not None:
        old = choose(rng, lexicon.COLORED_PATTERN[reference.pattern])
        orders += (f"change the {old} to {things[0]}", f"replace the {old} with {things[0]}")
    return Saying(adjectives, things, verbs=verbs, orders=orders)


def _sleeve(_: Garment | None, target: Garment, rng: np.random.Generator) -> Saying:
    value = str(target.sleeve)
    adjective = choose(rng, lexicon.SLEEVE_ADJECTIVES[value])
    thing = choose(rng, lexicon.SLEEVE_THINGS[value])
    if value == "none":
        verbs: Words = ("does not have sleeves", "doesn't have any sleeves", "is without sleeves")
        orders: Words = tuple(f"{word} the sleeves" for word in (*_REMOVING, "cut off"))
        return Saying((adjective,), (thing,), ("without sleeves",), verbs, orders)
    orders = (
        f"give it {thing}", f"make the sleeves {value}", f"make it {adjective}",
        f"change to {thing}", f"add {thing}",
    )  # fmt: skip
    return Saying((adjective,), (thing, thing), orders=orders)


def _length(_: Garment | None, target: Garment, rng: np.random.Generator) -> Saying:
    value = str(target.length)
    word = choose(rng, lexicon.LENGTHS[value])
    plain = pick(rng, lexicon.LENGTHS[value][:4])
    return Saying(
        (plain,),
        (f"a {plain} cut",),
        behind=(f"in {plain}", f"but {word}", word, f"with a {plain} cut"),
        verbs=(
            f"is {word}",
            f"is {plain} in length",
            f"goes {word}" if " the " in word else f"is {word}",
        ),
        orders=(f"make it {word}", f"make it {word}", f"change the length to {plain}"),
    )


def _print(reference: Garment | None, target: Garment, rng: np.random.Generator) -> Saying:
    old = choose(rng, lexicon.PRINTS[reference.print]) if reference and reference.print else None
    if target.print is None:
        return gone(pick(rng, (*lexicon.ANY_PRINT, *((old,) * 6 if old else ()))), rng)
    new = choose(rng, lexicon.PRINTS[target.print])
    place = pick(rng, ("", "", " on it", " on the front", " print", " graphic", " design"))
    one = with_article(new)
    things: Words = (f"{one}{place}", one, f"a picture of {one}")
    orders: Words = (
        f"add {one}{place}", f"put {one} on it", f"print {one} on it", f"give it {one}",
    )  # fmt: skip
    if old is not None:
        things += (f"{one} instead of the {old}", f"{one} and not {with_article(old)}")
        orders += (f"replace the {old} with {one}", f"swap the {old} for {one}")
    return Saying(things=things, verbs=(f"features {one}{place}",), orders=orders)


def _flag(name: str) -> "_Sayer":
    def say(_: Garment | None, target: Garment, rng: np.random.Generator) -> Saying:
        if not getattr(target, name):
            return gone(choose(rng, lexicon.FLAG_NAMES[name]), rng)
        thing = choose(rng, lexicon.FLAG_THINGS[name])
        return Saying(
            (choose(rng, lexicon.FLAG_ADJECTIVES[name]),),
            (thing, thing),
            verbs=(f"comes with {thing}", f"has {thing}"),
            orders=(f"{pick(rng, _ADDING)} {thing}", f"add {thing}"),
        )

    return say


def gone(noun: str, rng: np.random.Generator) -> Saying:
    """Ways to say that something is not there: "no hood", "without the stripes"."""
    plural = noun.endswith("s")
    one = noun if plural else with_article(noun)
    less = lexicon.LESS.get(noun)
    return Saying(
        (less,) if less is not None and rng.random() < _LESS_SHARE else (),
        things=(f"no {noun}", f"no {noun}", f"zero {noun}"),
        behind=(f"without {one}", f"without the {noun}", f"without any {noun}", f"with no {noun}",
            f"{noun} removed", f"with the {noun} gone", f"sans {noun}", f"but drop the {noun}",
            f"there should be no {noun}", f"i don't like the {noun}", f"the {noun} must go",
            f"never mind the {noun}",
        ),
        verbs=(
            f"does not have {one}", f"doesn't have {one}", f"is without {one}", f"has no {noun}",
            f"does not have any {noun}",
            f"is missing the {noun}", f"comes without {one}", f"never had {one}",
        ),
        orders=(
            f"{pick(rng, _REMOVING)} the {noun}", f"{pick(rng, _REMOVING)} the {noun}",
            f"no {noun}", f"i don't want the {noun}",
        ),
    )  # fmt: skip


_Sayer = Callable[[Garment | None, Garment, np.random.Generator], Saying]
_SAYINGS: Final[dict[str, _Sayer]] = {
    "category": _category, "color": _color, "pattern": _pattern, "pattern_color": colored_pattern,
    "sleeve": _sleeve, "length": _length, "print": _print,
    **{name: _flag(name) for name in ("hood", "pocket", "buttons")},
}  # fmt: skip
