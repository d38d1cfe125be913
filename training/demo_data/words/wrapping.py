"""What people say around what they want: how they begin, end and join it."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from demo_data.words.choosing import pick
from demo_data.words.garments import takes_article, with_article
from demo_data.words.sayings import Mood

_OPENED_SHARE: Final[dict[Mood, float]] = {"with": 0.85, "is": 0.5, "do": 0.55, "bare": 0.4}
_CLOSED_SHARE: Final = 0.25
_OPENINGS: Final[dict[Mood, tuple[str, ...]]] = {
    "with": (
        "the same", "the same", "the same but", "same", "same one", "same thing but", "like this",
        "just like this", "like this but", "like this one", "similar", "something similar",
        "i want this", "i want the same", "i would like this one", "i would love it", "this one",
        "do you have this", "do you have it", "can i get it", "can i get this", "show me this",
        "show me the same", "find this", "find me the same", "give me this one", "this but",
        "looking for this", "i am looking for the same", "i'm looking for this", "i need this",
        "i like it but", "exactly this but", "is there one like this", "is there a version",
        "hello can i have this one", "hi show it", "the exact same but", "identical but",
        "i need something like this", "anything like this", "have you got this", "does it come",
        "do you sell this", "what i want is this", "the same item", "the same design but",
    ),
    "is": (
        "it", "it", "something that", "find one that", "i am looking for one that", "this one",
        "could you please find something which", "show me one that", "one that", "i want one that",
        "the one i want", "please show me something that", "do you have one that", "the item",
        "i would like one which", "similar but", "the same but it", "hey find me something that",
        "i am searching for something similar that", "it should be one that", "which", "that",
        "the desired item", "what i want", "i'm after one that", "anything that", "the product",
        "is there one that", "i wish it was one that", "the new one",
    ),
    "do": (
        "please", "please", "can you", "could you please", "could you", "now", "just", "would you",
        "i want you to", "i like it but", "love it but", "keep it but", "ok now", "and now",
        "take this and", "hi please", "same again but", "hey can you", "can we", "let's",
        "i love it but", "nice but", "it's nice but", "great but please", "ok but",
    ),
    "bare": (
        "want", "need", "looking for", "this but", "same but", "now", "similar but", "also", "ok",
        "maybe", "something", "prefer", "i want", "i need", "give me", "we need", "try", "only",
        "rather", "would love", "could do with", "must have", "should be", "has to be", "i'd take",
        "can it be", "let it be", "go for", "show", "search", "filter for", "i was thinking of",
        "my sister likes", "he asked for", "they wanted", "changed my mind:", "one more time,",
        "think i want", "it would be nice with", "i fancy", "trying to find", "in the mood for",
    ),
}  # fmt: skip
_COURTESIES: Final = (
    "please", "please", "thanks", "thank you", "if possible", "if you have it", "for me",
    "please and thank you", "many thanks", "that would be great", "if there is one", "thx", "pls",
    "if you can", "cheers", "asap", "in my size", "that's all",
    "is what i want", "is a must", "works for me", "would be nice", "would be lovely", "is fine",
    "would look nicer", "is what she wears", "you know what i mean", "or so", "i think",
)  # fmt: skip
_OTHERWISE: Final = (
    "instead", "everything else the same", "and keep the rest", "and nothing else changed",
    "otherwise the same", "but otherwise the same", "with all else equal", "and leave the rest",
)  # fmt: skip
_CONTEXTS: Final = (
    "for my sister", "for the summer", "for my sister's wedding", "for a party", "for work",
    "for the office", "for my son", "for my daughter", "for a friend", "for my holiday",
    "for school", "for everyday", "for winter", "for a birthday present", "for the weekend",
    "for my husband", "for my wife", "for a trip next month", "it is a gift", "for a concert",
    "to go with my shoes", "for cold days", "for the beach",
)  # fmt: skip
_ASIDES: Final = (
    "in cotton", "in a soft fabric", "in a looser fit", "more fitted", "a bit more casual",
    "less tight", "in size m", "in size large", "more elegant", "cheaper",
    "something stylish", "more feminine", "more masculine", "in a slim fit", "a little more formal",
    "loose fitting", "good quality", "less sexy", "in a small size", "for a tall person",
    "comfortable", "that looks cheap", "under 50 euros", "a nicer style", "more modern", "on sale",
)  # fmt: skip
"""What no drawing shows: it is there to be read past."""
_ASKING: Final = (
    "show me", "find", "find me", "i am looking for", "i'm looking for", "i want", "i need",
    "do you have", "search for", "looking for", "could you please find", "can you show me",
    "get me", "any", "i would like", "where can i find", "hello i am searching for", "do you sell",
    "have you got", "searching for", "i'd like", "please show me", "want",
)  # fmt: skip
_ASKING_SHARE: Final = 0.5
_CONTEXT_SHARE: Final = 0.3
_ASIDE_SHARE: Final = 0.05
_JOINTS: Final[dict[Mood, tuple[str, ...]]] = {
    "with": (" and ", " and ", ", ", " ", " plus ", ", and ", " but ", " and also ", " - "),
    "is": (
        " and ",
        " and ",
        " and ",
        ", ",
        " and it ",
        ", and ",
        " but ",
        " while it ",
        " and then ",
    ),
    "do": (" and ", " and ", ", ", " then ", " and also ", ", and ", " and after that ", ". "),
    "bare": (
        ", ",
        ", ",
        " and ",
        " ",
        " + ",
        "; ",
        " & ",
        ",",
        " also ",
        " plus ",
        " in addition to ",
        " on top of ",
    ),
}
_ENDS: Final = ("", "", "", "", "", ".", ".", "?", "!", "...")


def wrapped(parts: Sequence[str], mood: Mood, rng: np.random.Generator, opening: str = "") -> str:
    """Parts of a sentence in one mood as a shopper writes them down, with `opening` or any."""
    body = joined(parts, _JOINTS[mood], rng)
    if not opening and rng.random() < _OPENED_SHARE[mood]:
        opening = pick(rng, _OPENINGS[mood])
    if opening.endswith("but"):
        body = body.removeprefix("but ")
    return finished(f"{opening} {body}", rng, (*_COURTESIES, *_OTHERWISE))


def asked(body: str, rng: np.random.Generator) -> str:
    """A noun phrase as a shopper asks for it, who has no picture at hand."""
    opening = pick(rng, _ASKING) if rng.random() < _ASKING_SHARE else ""
    return finished(f"{opening} {body}", rng, _COURTESIES)


def finished(text: str, rng: np.random.Generator, closings: Sequence[str]) -> str:
    """The text with what may follow it: one of the closings, a purpose, a full stop."""
    if rng.random() < _ASIDE_SHARE:
        text += pick(rng, (", ", " ", " and ")) + pick(rng, _ASIDES)
    if rng.random() < _CLOSED_SHARE:
        if rng.random() < _CONTEXT_SHARE:
            closings = _CONTEXTS
        text = f"{text} {pick(rng, closings)}"
    text = text.strip()
    if rng.random() < 0.1:
        text = text[0].upper() + text[1:]
    return text + pick(rng, _ENDS)


def joined(parts: Sequence[str], joints: Sequence[str], rng: np.random.Generator) -> str:
    """The parts with a joint between any two; "but" is said at the front alone."""
    text = parts[0]
    for part in parts[1:]:
        joint = pick(rng, joints)
        text += joint + part.removeprefix("but ")
    return text


def same_noun(noun: str, mood: Mood, rng: np.random.Generator) -> str:
    """The garment that stays what it is, by its noun."""
    one = with_article(noun)
    this = "this" if takes_article(noun) else "these"
    options: dict[Mood, tuple[str, ...]] = {
        "with": (f"the same {noun}", f"{this} {noun}", f"{one} like this", f"same {noun}"),
        "is": (f"the {noun}", f"the {noun}", f"{one} that", f"the same {noun} that"),
        "do": (f"take the {noun} and", f"i like the {noun} but", f"{this} {noun} but"),
        "bare": (noun, f"same {noun}", f"{this} {noun} but", f"{noun} but"),
    }
    return pick(rng, options[mood])
