"""How one change can be said, whatever is said around it.

A saying has words for every mood of a sentence: "with", behind a noun ("in red", "without a hood");
"is", behind "it" ("has long sleeves"); "do", an order ("add a pocket"); "bare", no grammar at all
("red", "no hood").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from demo_catalog.garments import Value
from demo_data.words.choosing import Words, pick
from demo_data.words.garments import with_article

Mood = Literal["with", "is", "do", "bare"]
MOODS: Final[tuple[Mood, ...]] = ("with", "is", "do", "bare")

_GRADES: Final = (
    "much ", "slightly ", "a bit ", "a little ", "a lot ", "way ", "somewhat ", "a little bit ",
)  # fmt: skip
_GRADED_SHARE: Final = 0.2


@dataclass(frozen=True)
class Saying:
    """The ways to say one change: `adjectives`, `things`, or else each of the others."""

    adjectives: Words = ()
    """Before a noun or behind "is": "red", "sleeveless", "longer"."""
    things: Words = ()
    """Behind "has" or "with": "long sleeves", "a hood", "no hood"."""
    behind: Words = ()
    """Behind a noun as they stand: "in red", "without a hood"."""
    verbs: Words = ()
    """Behind "it" as they stand: "comes in red", "does not have a hood"."""
    orders: Words = ()
    """As they stand: "add a hood"."""
    allowed: Mapping[str, frozenset[Value]] | None = None
    """Which values of which attributes satisfy it; None where exactly the target's do."""
    relative: bool = False
    """Whether it says nothing without the reference."""

    def say(self, mood: Mood, rng: np.random.Generator) -> str:
        """One of its ways in a mood."""
        adjectives, things = list(self.adjectives), list(self.things)
        if mood == "with":
            options = [*self.behind, *(f"with {t}" for t in things)]
            # "but" is said where nothing better is: "the same but red".
            options += [f"but {word}" for word in adjectives[: 1 if options else None]]
        elif mood == "is":
            options = [*(f"is {a}" for a in adjectives), *(f"has {t}" for t in things)]
            options += self.verbs
        elif mood == "do":
            options = [*self.orders, *(f"make it {a}" for a in adjectives)]
            options = options or [f"give it {t}" for t in things]
        else:
            options = [*adjectives, *(bare(t) for t in things)]
            options = options or [words.removeprefix("but ") for words in self.behind]
        return pick(rng, options)


def bare(thing: str) -> str:
    """ "a hood" without its article."""
    for article in ("a ", "an ", "the ", "some "):
        if thing.startswith(article):
            return thing.removeprefix(article)
    return thing


def color_saying(
    new: str, old: str | None = None, allowed: Mapping[str, frozenset[Value]] | None = None
) -> Saying:
    """A new color, by its word and perhaps the word of the one that it takes the place of."""
    one = with_article("color", new)
    behind: Words = (f"in {new}", f"in {new}", f"in the color {new}", f"in {one}")
    verbs: Words = (
        f"is {new}", f"is {new}", f"is {new}", f"is more {new}", f"comes in {new}", f"has {one}",
        f"is {new} in color", f"is {new} in colour", f"is {new} colored", f"is {new} coloured",
    )  # fmt: skip
    orders: Words = (
        f"make it {new}", f"make it {new}", f"change the color to {new}", f"turn it {new}",
        f"make the color {new}", f"dye it {new}", f"color it {new}", f"switch the color to {new}",
        f"change the colour to {new}",
    )  # fmt: skip
    if old is not None:
        behind += (f"in {new} not {old}", f"in {new} instead of {old}")
        verbs += (
            f"is {new} not {old}", f"is {new} instead of {old}", f"is {new} rather than {old}",
        )  # fmt: skip
        orders += (f"change {old} to {new}", f"replace {old} with {new}", f"swap {old} for {new}")
    return Saying((new,), (), behind, verbs, orders, allowed)


def category_saying(new: str, old: str | None = None) -> Saying:
    """Another kind of garment, by its noun and perhaps the noun of the present one."""
    named = with_article(new)
    behind: Words = (f"as {named}", f"as {named}", f"but {named}")
    verbs: Words = (f"is {named}", f"is {named}", f"comes as {named}")
    orders: Words = (f"make it {named}", f"turn it into {named}", f"change it to {named}")
    if old is not None:
        present = with_article(old)
        behind += (f"as {named} not {present}", f"but {named} instead of {present}")
        verbs += (f"is {named} instead of {present}", f"is {named} and not {present}")
        orders += (f"change the {old} to {named}", f"swap the {old} for {named}")
    return Saying((), (), behind, verbs, orders)


def relative(
    name: str,
    values: frozenset[str] | frozenset[Value],
    *,
    adjectives: Words = (),
    things: Words = (),
    behind: Words = (),
    verbs: Words = (),
    orders: Words = (),
    also: Mapping[str, frozenset[Value]] | None = None,
) -> Saying:
    """A saying that needs the reference, satisfied by some values of one attribute.

    `also` says what it allows of others.
    """
    allowed = {name: frozenset[Value](values), **(also or {})}
    return Saying(adjectives, things, behind, verbs, orders, allowed, relative=True)


def grade(rng: np.random.Generator) -> str:
    """What may stand before a comparative: nothing mostly, or "slightly "."""
    return pick(rng, _GRADES) if rng.random() < _GRADED_SHARE else ""
