"""Slips that training texts have now and then, as what people type does.

One word in 170 of FashionIQ's captions is a slip of one letter of a common word, 2 to 3 captions of
a hundred have one: most often another letter or a lost one, now and then an added or doubled one, a
swap, a lost space.
"""

from typing import Final

import numpy as np

from demo_data.words.choosing import pick

TYPO_SHARE: Final = 0.05
FILLER_SHARE: Final = 0.04
UNKNOWN_WORD_SHARE: Final = 0.06
_FILLERS: Final = (
    "um", "umm", "like", "maybe", "just", "really", "kind of", "perhaps", "actually", "well",
    "you know", "hmm", "simply", "definitely", "honestly",
)  # fmt: skip
_KINDS: Final = ("other", "lost", "doubled", "swapped", "added", "glued")
_KIND_SHARES: Final = (0.3, 0.32, 0.1, 0.12, 0.08, 0.08)
_CONSONANTS: Final = (*"bcdfghjklmnprstvwyz", "br", "ch", "cl", "gr", "pl", "sh", "st", "th", "tr")
_VOWELS: Final = (*"aeiou", "ai", "ea", "ee", "oo", "ou")
_ENDS: Final = (*"dklmnrstx", "ck", "ng", "nt", "ss")
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def with_noise(text: str, rng: np.random.Generator) -> str:
    """Now and then a slip of the keyboard, a filler, or a word that means nothing here."""
    if rng.random() < FILLER_SHARE:
        text = _insert(text, pick(rng, _FILLERS), rng)
    if rng.random() < UNKNOWN_WORD_SHARE:
        text = _insert(text, _no_word(rng), rng)
    return typo(text, rng) if rng.random() < TYPO_SHARE else text


def typo(text: str, rng: np.random.Generator) -> str:
    """The text with one slip inside a word of three letters or more, if it has such a word."""
    spots = [
        place for place in range(1, len(text) - 1)
        if all(text[near].isalpha() for near in (place - 1, place, place + 1))
    ]  # fmt: skip
    kind = _KINDS[int(rng.choice(len(_KINDS), p=_KIND_SHARES))]
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    if kind == "glued" and spaces:
        place = spaces[int(rng.integers(len(spaces)))]
        return text[:place] + text[place + 1 :]
    if not spots:
        return text
    place = spots[int(rng.integers(len(spots)))]
    before, letter, after = text[:place], text[place], text[place + 1 :]
    if kind == "other":
        return before + _near(letter, rng) + after
    if kind == "lost":
        return before + after
    if kind == "doubled":
        return before + letter + letter + after
    if kind == "swapped":
        return before + after[0] + letter + after[1:]
    return before + letter + _near(letter, rng) + after


def _no_word(rng: np.random.Generator) -> str:
    """Syllables that are no word mostly, and look like one: "tobrel"."""
    syllables = (
        pick(rng, _CONSONANTS) + pick(rng, _VOWELS) + pick(rng, ("", *_ENDS))
        for _ in range(int(rng.integers(1, 4)))
    )
    return "".join(syllables)


def _near(letter: str, rng: np.random.Generator) -> str:
    """A neighbour of a letter on the keyboard; the letter itself where it has none."""
    for row in _ROWS:
        place = row.find(letter.lower())
        if place >= 0:
            beside = row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
            return pick(rng, beside)
    return letter


def _insert(text: str, word: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    words.insert(int(rng.integers(len(words) + 1)), word)
    return " ".join(words)
