"""Whole sentences: edits as shoppers say them, and descriptions for text-only search."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from demo_catalog.garments import ATTRIBUTES, Garment, Value
from demo_data.attributes import NAMES, Wish
from demo_data.edits import Edit
from demo_data.words.changes import ground_saying, saying_of
from demo_data.words.choosing import choose, pick
from demo_data.words.garments import NOUNS, with_article
from demo_data.words.relative import relative_saying
from demo_data.words.sayings import MOODS, Mood, Saying
from demo_data.words.wrapping import asked, joined, same_noun, wrapped

RELATIVE_SHARE: Final = 0.2
"""FashionIQ's captions compare twice as often; here exact values have to be learned as well."""
_MOOD_SHARES: Final = (0.25, 0.35, 0.2, 0.2)
_GROUND_SHARE: Final = 0.5
_NOUN_SHARE: Final = 0.25


@dataclass(frozen=True)
class Sentence:
    """A text, and what it and its reference ask for."""

    text: str
    wish: Wish


def edit_sentence(edit: Edit, rng: np.random.Generator) -> Sentence:
    """Words for an edit; relative and shared words ("darker", "teal") widen its wish."""
    mood = MOODS[int(rng.choice(len(MOODS), p=_MOOD_SHARES))]
    sayings = _sayings(edit, rng)
    wish = _widened(edit.wish, sayings.values())
    noun = choose(rng, NOUNS[edit.target.category])
    if "category" not in edit.named and rng.random() < _NOUN_SHARE:
        same = same_noun(noun, mood, rng)
        return Sentence(wrapped(_parts(sayings, mood, rng), mood, rng, same), wish)
    others = [saying for name, saying in sayings.items() if name != "category"]
    if others and mood != "do" and rng.random() < _NOUN_SHARE:
        phrase = noun_phrase(noun, others, rng, article=mood != "bare")
        as_one = {"with": f"but {phrase}", "is": f"is {phrase}", "bare": phrase}[mood]
        return Sentence(wrapped([as_one], mood, rng), wish)
    return Sentence(wrapped(_parts(sayings, mood, rng), mood, rng), wish)


def description(garment: Garment, rng: np.random.Generator) -> Sentence:
    """A text that names one to four attributes of a garment, for search without a picture."""
    present = [name for name in NAMES if _worth_saying(garment, name, rng)]
    count = min(len(present), 1 + int(rng.integers(4)))
    names = [present[index] for index in rng.permutation(len(present))[:count]]
    if "category" not in names and rng.random() < 0.6:
        names.append("category")
    if {"pattern", "pattern_color"} <= set(names):
        names.remove("pattern")
    noun = pick(rng, ("one", "something", "garment", "item"))
    if "category" in names:
        noun = choose(rng, NOUNS[garment.category])
    sayings = {name: saying_of(name, None, garment, rng) for name in names if name != "category"}
    wish = {name: frozenset[Value]([getattr(garment, name)]) for name in names}
    if "pattern_color" in names:
        wish["pattern"] = frozenset([garment.pattern])
    article = noun != "something" and rng.random() < 0.7
    phrase = noun_phrase(noun, list(sayings.values()), rng, article=article)
    return Sentence(asked(phrase, rng), _widened(wish, sayings.values()))


def noun_phrase(
    noun: str, sayings: Sequence[Saying], rng: np.random.Generator, *, article: bool
) -> str:
    """ "a red striped dress with a hood": each saying before the noun or behind it."""
    front: list[str] = []
    behind: list[str] = []
    for saying in sayings:
        before = saying.adjectives and noun != "something"
        if before and (not saying.things or rng.random() < 0.6):
            front.append(pick(rng, saying.adjectives))
        else:
            behind.append(saying.say("with", rng).removeprefix("but "))
    head = " ".join((*front, noun))
    if article:
        head = with_article(noun, " ".join(front))
    if not behind:
        return head
    return f"{head} {joined(_shared('with ', behind), (' and ', ' and ', ' ', ', '), rng)}"


def _sayings(edit: Edit, rng: np.random.Generator) -> Mapping[str, Saying]:
    """A saying for each named attribute, in the order in which they will be said."""
    names = [edit.named[index] for index in rng.permutation(len(edit.named))]
    if {"pattern", "pattern_color"} <= set(names) and edit.target.pattern != "plain":
        names.remove("pattern")  # "with white stripes" says both
    found: dict[str, Saying] = {}
    for name in names:
        relative = relative_saying(name, edit, rng) if rng.random() < RELATIVE_SHARE else None
        found[name] = relative or saying_of(name, edit.reference, edit.target, rng)
    second = "pattern" if edit.target.pattern == "plain" else "pattern_color"
    ground = [found[name] for name in ("color", second) if name in found]
    plainly = not any(saying.relative for saying in ground)
    if len(ground) == 2 and plainly and rng.random() < _GROUND_SHARE:
        found["color"] = ground_saying(edit.target, rng)
        del found[second]
    return found


def _widened(wish: Wish, sayings: Iterable[Saying]) -> Wish:
    widened = dict(wish)
    for saying in sayings:
        widened |= saying.allowed or {}
    return widened


def _parts(sayings: Mapping[str, Saying], mood: Mood, rng: np.random.Generator) -> list[str]:
    parts = [saying.say(mood, rng) for saying in sayings.values()]
    if mood != "is" or rng.random() < 0.3:
        return parts
    # "is red and striped", "has a hood and pockets".
    return _shared(pick(rng, ("is ", "has ")), parts)


def _shared(verb: str, parts: Sequence[str]) -> list[str]:
    """The parts with a verb said once where one follows another that begins with it."""
    shared = [parts[0]]
    for before, part in pairwise(parts):
        shared.append(part.removeprefix(verb) if before.startswith(verb) else part)
    return shared


def _worth_saying(garment: Garment, name: str, rng: np.random.Generator) -> bool:
    value = getattr(garment, name)
    if name == "category" or value not in (None, False):
        return True
    # What could be there and is not is sometimes asked for ("without pockets").
    return garment.category in ATTRIBUTES[name] and name != "pattern_color" and rng.random() < 0.3
