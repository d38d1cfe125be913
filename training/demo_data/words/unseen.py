"""Edits phrased as no training sentence is: how far the wording carries.

Templates, joints and half of the words for values were written apart from training's, of words
that training mostly has; none of them may be found there, which a test checks. `NEW_WORDS` are
words that training does not have at all, for which a model has nothing but their letters.
"""

from typing import Final

import numpy as np

from demo_catalog.garments import Garment, Value
from demo_data.edits import Edit
from demo_data.words.choosing import pick
from demo_data.words.garments import with_article

TEMPLATES: Final = (
    "what about {0}", "i'd rather have {0}", "i'd prefer {0}", "any chance of {0}", "it needs {0}",
    "{0} would suit me better", "got something similar, only {0}", "how about {0}",
    "i was hoping for {0}", "my wife wants {0}", "wondering if you also stock {0}",
    "think of this, just {0}", "we were after {0}", "replace with {0}", "ideally with {0}",
    "{0} would be perfect", "let me see {0}", "next: {0}",
)  # fmt: skip
"""Around what is asked for, which stands at {0}."""
JOINTS: Final = (" as well as ", " along with ", " together with ", " / ", " with in addition ")
ABSENT: Final = (
    "{0} left off", "minus the {0}", "{0} not wanted", "free of {0}", "lacking the {0}",
    "skip the {0}",
)  # fmt: skip
"""Around what should not be there."""
PLAIN: Final[dict[str, dict[str, str]]] = {
    "sleeve": {"none": "no sleeves", "short": "short sleeves", "long": "long sleeves"},
    "length": {"short": "short", "knee": "knee length", "long": "long"},
    "hood": {"True": "a hood"},
    "pocket": {"True": "a pocket"},
    "buttons": {"True": "buttons"},
}
SYNONYMS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "category": {
        "hoodie": ("hooded sweat top", "sweatshirt with the hood up", "hooded thing"),
        "coat": ("outer jacket", "warm jacket", "thick coat"),
        "jeans": ("denim trousers", "denim bottoms"),
        "shirt": ("work shirt", "office shirt", "smart shirt"),
        "t-shirt": ("cotton tee", "casual tee", "basic t-shirt"),
        "dress": ("one-piece dress", "ladies dress", "dinner dress"),
        "skirt": ("ladies skirt", "a-line skirt"),
        "shorts": ("gym shorts", "beach shorts", "cut off pants"),
        "sneakers": ("casual shoes", "flat shoes", "sporty footwear"),
        "hat": ("peaked cap", "head covering", "sports cap"),
    },
    "color": {
        "black": ("raven black", "ink black", "black as night"),
        "white": ("milk white", "chalk white", "white as snow"),
        "gray": ("stone gray", "smoke grey", "mouse gray"),
        "red": ("tomato red", "brick red", "lipstick red"),
        "orange": ("carrot orange", "orange like a pumpkin", "fire orange"),
        "yellow": ("banana yellow", "butter yellow", "corn yellow"),
        "green": ("bottle green", "leaf green", "apple green"),
        "blue": ("ocean blue", "cornflower blue", "true blue"),
        "navy": ("very dark blue", "ink blue", "darkest blue"),
        "purple": ("violet purple", "grape juice purple", "dusky purple"),
        "pink": ("candy pink", "flamingo pink", "rosy pink"),
        "brown": ("wood brown", "nut brown", "earth brown"),
    },
    "pattern": {
        "plain": ("nothing but one color", "a single flat color"),
        "striped": ("covered in stripes", "stripes from top to bottom"),
        "checked": ("a grid of checks", "covered in checks"),
        "dotted": ("covered in dots", "lots of little dots"),
        "floral": ("covered in flowers", "lots of little flowers"),
    },
    "sleeve": {
        "none": ("sleeves gone", "arms left bare"),
        "short": ("sleeves that end above the elbow", "sleeves cut short"),
        "long": ("sleeves all the way down", "sleeves that reach the hands"),
    },
    "length": {
        "short": ("well above the knees", "on the short side"),
        "knee": ("ending at the knee", "as long as the knee"),
        "long": ("reaching the floor", "long enough for the ankles"),
    },
    "hood": {"True": ("a hood to pull up", "a hood for rain")},
    "pocket": {"True": ("a pocket for my phone", "somewhere with a pocket")},
    "buttons": {"True": ("a row of buttons", "buttons to close it")},
    "print": {
        "logo": ("logo of the brand", "company emblem"),
        "star": ("star shape", "little star"),
        "heart": ("heart shape", "little heart"),
        "lightning": ("bolt of lightning", "lightning strike"),
        "moon": ("moon shape", "sliver of the moon"),
        "cat": ("face of a cat", "little cat"),
    },
}
NEW_WORDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "category": {
        "coat": ("an anorak", "a windbreaker", "a peacoat"),
        "jeans": ("denims", "slacks", "dungarees"),
        "dress": ("a sundress", "a minidress", "a ballgown"),
        "shorts": ("bermudas", "boardshorts"),
        "sneakers": ("plimsolls", "runners"),
        "hat": ("a beanie", "a fedora", "headgear"),
    },
    "color": {
        "black": ("sable", "blackish", "obsidian"),
        "white": ("alabaster", "whitish", "vanilla"),
        "gray": ("graphite", "greyish", "anthracite"),
        "red": ("vermilion", "garnet", "carmine"),
        "orange": ("mandarin", "persimmon", "orangey"),
        "yellow": ("saffron", "yellowish", "buttercup"),
        "green": ("jade", "greenish", "pistachio"),
        "blue": ("cerulean", "sapphirine", "lapis"),
        "navy": ("indigo", "admiral"),
        "purple": ("amethyst", "purplish", "aubergine"),
        "pink": ("fuchsia", "pinky", "carnation"),
        "brown": ("umber", "walnut", "mahogany"),
    },
    "pattern": {
        "plain": ("monochromatic", "uniform"),
        "striped": ("pinstriped", "stripiness", "banded"),
        "checked": ("houndstooth", "checkerboard"),
        "dotted": ("speckled", "dottiness"),
        "floral": ("botanical", "blossoming"),
    },
    "pocket": {"True": ("pocketing",)},
    "buttons": {"True": ("buttoning",)},
    "print": {
        "logo": ("an insignia", "logotype"),
        "star": ("starlet", "stardust"),
        "cat": ("a feline", "catlike"),
        "moon": ("moonlight", "lunar"),
    },
}
"""Words of their own, and others that are made of known parts."""
_FOR_NEW_WORDS: Final = ("{0}", "but {0}", "the same but {0}", "i want this but {0}", "{0} please")


def other_words(edit: Edit, rng: np.random.Generator) -> str:
    """A sentence for the named attributes of an edit, all of them said exactly."""
    names = [edit.named[index] for index in rng.permutation(len(edit.named))]
    if {"pattern", "pattern_color"} <= set(names):
        names.remove("pattern")
    things = [_thing(name, edit.reference, edit.target, rng) for name in names]
    text = things[0]
    for thing in things[1:]:
        text += pick(rng, JOINTS) + thing
    return pick(rng, TEMPLATES).format(text)


def new_word(edit: Edit, rng: np.random.Generator) -> str | None:
    """A word that training never had, for an edit of one attribute; None where there is none."""
    name = edit.named[0]
    words = NEW_WORDS.get(name, {}).get(str(getattr(edit.target, name)), ())
    if len(edit.named) > 1 or not words:
        return None
    return pick(rng, _FOR_NEW_WORDS).format(pick(rng, words))


def _thing(name: str, reference: Garment, target: Garment, rng: np.random.Generator) -> str:
    value: Value = getattr(target, name)
    if value is False:
        return pick(rng, ABSENT).format(name)
    if value is None:
        return pick(rng, ABSENT).format(reference.print or "print")
    if name == "pattern_color":
        color = _word("color", str(value), rng)
        return f"a {target.pattern} pattern in {color}"
    word = _word(name, str(value), rng)
    return with_article(word) if name in ("category", "print") else word


def _word(name: str, value: str, rng: np.random.Generator) -> str:
    known = PLAIN.get(name, {}).get(value, value)
    return pick(rng, SYNONYMS[name][value]) if rng.random() < 0.5 else known
