"""Whole sentences: edits as shoppers say them, and descriptions for text-only search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from demo_catalog.garments import ATTRIBUTES, Garment, Value
from demo_data import lexicon
from demo_data.attributes import NAMES, Wish
from demo_data.edits import Edit
from demo_data.phrases import Mood, Phrase, colored_pattern, phrase, pick

TYPO_SHARE: Final = 0.05
UNKNOWN_WORD_SHARE: Final = 0.1
_MOODS: Final[tuple[Mood, ...]] = ("with", "is", "do")
_OPENINGS: Final[dict[Mood, tuple[str, ...]]] = {
    "with": (
        "", "", "", "the same", "the same", "the same but", "same", "same one", "same thing but",
        "just like this", "like this but", "like this one", "similar", "i want this",
        "i want the same", "i would like this one", "i would love it", "do you have this",
        "do you have it", "can i get it", "can i get this", "show me the same", "show me this",
        "find this", "find me the same", "give me this one", "looking for this",
        "i am looking for the same", "i need this", "i like it but", "this but", "exactly this but",
        "is there one like this", "is there a version", "hello can i have this one", "hi show it",
    ),
    "is": (
        "", "", "", "", "it", "something that", "find one that", "i am looking for one that",
        "could you please find something which", "show me one that", "one that", "i want one that",
        "the one i want", "please show me something that", "do you have one that",
        "i would like one which", "similar but", "the same but it", "hey find me something that",
        "i am searching for something similar that", "it should be one that",
    ),
    "do": (
        "", "", "", "", "please", "can you", "could you please", "could you", "now", "just",
        "i want you to", "would you", "i like it but", "love it but", "keep it but", "ok now",
        "take this and", "hi please", "same again but",
    ),
}  # fmt: skip
_CLOSINGS: Final = (
    "", "", "", "", "", "", "please", "thanks", "thank you", "instead", "if possible",
    "if you have it", "everything else the same", "and keep the rest", "and nothing else changed",
    "for me", "please and thank you", "many thanks", "for my sister", "for the summer",
    "that would be great", "otherwise the same", "if there is one",
)  # fmt: skip
_JOINTS: Final = (" and ", " and ", ", ", ", ", " but ", " plus ", " and also ", ", and ")
_ASKING: Final = (
    "", "", "", "", "show me", "find", "find me", "i am looking for", "i want", "i need",
    "do you have", "search for", "looking for", "could you please find", "can you show me",
    "get me", "any", "i would like", "where can i find", "hello i am searching for",
)  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """A text, what it and its reference ask for, and what its words alone ask for."""

    text: str
    wish: Wish
    words_wish: Wish


def edit_sentence(edit: Edit, rng: np.random.Generator) -> Sentence:
    """Words for an edit; relative words ("darker") widen its wish."""
    mood = _MOODS[int(rng.integers(len(_MOODS)))]
    names = [edit.named[index] for index in rng.permutation(len(edit.named))]
    wish = dict(edit.wish)
    words_wish: dict[str, frozenset[Value]] = {}
    phrases: list[str] = []
    if {"pattern", "pattern_color"} <= set(names) and edit.target.pattern != "plain":
        # "with white stripes" says both.
        names.remove("pattern")
    for name in names:
        said: Phrase = phrase(name, edit.reference, edit.target, mood, rng)
        phrases.append(said.words)
        if said.allowed is not None:
            wish[name] = said.allowed
        if not said.relative:
            words_wish[name] = frozenset([getattr(edit.target, name)])
            if name == "pattern_color":
                words_wish["pattern"] = frozenset([edit.target.pattern])
    opening = pick(rng, _OPENINGS[mood])
    if opening == "the same" and "category" not in names and rng.random() < 0.5:
        opening = f"the same {pick(rng, lexicon.NOUNS[edit.reference.category])}"
    return Sentence(_finish(opening, phrases, rng), wish, words_wish)


def description(garment: Garment, rng: np.random.Generator) -> Sentence:
    """A text that names one to four attributes of a garment, for search without a picture."""
    present = [name for name in NAMES if _worth_saying(garment, name, rng)]
    count = min(len(present), 1 + int(rng.integers(4)))
    names = {present[index] for index in rng.permutation(len(present))[:count]}
    if rng.random() < 0.6:
        names.add("category")
    noun = "one" if "category" not in names else pick(rng, lexicon.NOUNS[garment.category])
    front: list[str] = []
    behind: list[str] = []
    if "length" in names:
        front.append(pick(rng, lexicon.LENGTHS[str(garment.length)]))
    if "color" in names:
        word = pick(rng, lexicon.COLORS[garment.color])
        (front if rng.random() < 0.8 else behind).append(word)
        if behind:
            behind[-1] = f"in {word}"
    if "pattern_color" in names:
        behind.append(colored_pattern(garment, "with", rng))
        names.add("pattern")
    elif "pattern" in names:
        front.append(pick(rng, lexicon.PATTERN_ADJECTIVES[garment.pattern]))
    for name in ("sleeve", "hood", "pocket", "buttons", "print"):
        if name in names:
            behind.append(phrase(name, garment, garment, "with", rng).words.removeprefix("but "))
    head = " ".join((*front, noun))
    if noun not in lexicon.PLURAL and rng.random() < 0.7:
        head = f"an {head}" if head[0] in "aeiou" else f"a {head}"
    joined = _join(behind, (" and ", " ", ", ", " "), rng)
    text = " ".join(part for part in (pick(rng, _ASKING), head, joined) if part)
    wish = {name: frozenset([getattr(garment, name)]) for name in names}
    return Sentence(text, wish, wish)


def _worth_saying(garment: Garment, name: str, rng: np.random.Generator) -> bool:
    value = getattr(garment, name)
    if name == "category" or value not in (None, False):
        return True
    # What could be there and is not is sometimes asked for ("without pockets").
    return garment.category in ATTRIBUTES[name] and name != "pattern_color" and rng.random() < 0.3


def _finish(opening: str, phrases: Sequence[str], rng: np.random.Generator) -> str:
    body = _join(_shared_verb(phrases), _JOINTS, rng)
    if opening.endswith("but"):
        body = body.removeprefix("but ")
    text = " ".join(part for part in (opening, body, pick(rng, _CLOSINGS)) if part)
    if rng.random() < 0.1:
        text = text[0].upper() + text[1:]
    return text + pick(rng, ("", "", "", ".", "?", "!"))


def _shared_verb(phrases: Sequence[str]) -> list[str]:
    """ "is red and has a hood" stays; "but" is said once, at the front."""
    return [
        words if index == 0 else words.removeprefix("but ") for index, words in enumerate(phrases)
    ]


def _join(phrases: Sequence[str], joints: Sequence[str], rng: np.random.Generator) -> str:
    text = ""
    for index, words in enumerate(phrases):
        text += words if index == 0 else pick(rng, joints) + words
    return text


def with_noise(text: str, rng: np.random.Generator) -> str:
    """Training noise: now and then a slip of the keyboard or a word that means nothing."""
    if rng.random() < UNKNOWN_WORD_SHARE:
        words = text.split(" ")
        letters = rng.integers(ord("a"), ord("z") + 1, int(rng.integers(3, 9)))
        words.insert(int(rng.integers(len(words) + 1)), "".join(map(chr, letters)))
        text = " ".join(words)
    return _typo(text, rng) if rng.random() < TYPO_SHARE else text


def _typo(text: str, rng: np.random.Generator) -> str:
    """Two letters swapped, one lost or doubled."""
    spots = [i for i in range(len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if not spots:
        return text
    at = spots[int(rng.integers(len(spots)))]
    kind = int(rng.integers(3))
    if kind == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :] if kind == 1 else text[: at + 1] + text[at:]
