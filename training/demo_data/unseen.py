"""Edits phrased as no training sentence is: how far the wording carries.

One change each, the value by its plainest name; "rather", "prefer", "skip" and others are not
even in the vocabulary and reach the model letter by letter.
"""

import numpy as np

from demo_catalog.garments import Garment
from demo_data import lexicon
from demo_data.phrases import pick, with_article

_ANY = (
    "what about {0}", "i'd rather have {0}", "i'd prefer {0}", "any chance of {0}?",
    "it needs {0}", "{0} would suit me better", "got something similar, only {0}",
)  # fmt: skip
_NOT = ("no {0} for me", "skip the {0}", "i'd rather not have the {0}", "{0} not wanted")


def unseen_sentence(
    name: str, reference: Garment, target: Garment, rng: np.random.Generator
) -> str:
    """A sentence for the change of one attribute."""
    value = getattr(target, name)
    if value is False:
        return pick(rng, _NOT).format(lexicon.NO_FLAGS[name][0])
    if name == "print" and value is None:
        return pick(rng, _NOT).format(str(reference.print))
    return pick(rng, _ANY).format(_thing(name, target))


def _thing(name: str, target: Garment) -> str:
    value = getattr(target, name)
    if name == "category":
        return with_article(str(value))
    if name == "pattern_color":
        return f"{value} {lexicon.COLORED_PATTERN[target.pattern][0]}"
    if name == "pattern":
        return lexicon.PATTERN_ADJECTIVES[str(value)][0]
    if name == "sleeve":
        return lexicon.SLEEVES[str(value)][0]
    if name == "length":
        return lexicon.LENGTHS[str(value)][0]
    if name == "print":
        return f"a {value}"
    if name in lexicon.FLAGS:
        return lexicon.FLAGS[name][0]
    return str(value)
