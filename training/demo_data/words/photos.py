"""Words about photos of garments, of which the label and the color are known."""

from typing import Final

import numpy as np

from demo_data.words.choosing import choose, pick
from demo_data.words.colors import COLORS
from demo_data.words.garments import NOUNS, with_article
from demo_data.words.sayings import MOODS, category_saying, color_saying
from demo_data.words.wrapping import asked, same_noun, wrapped

CATEGORY_OF_LABEL: Final = {
    "T-Shirt": "t-shirt", "Longsleeve": "longsleeve", "Pants": "pants", "Shoes": "shoes",
    "Shirt": "shirt", "Dress": "dress", "Outwear": "coat", "Shorts": "shorts", "Hat": "hat",
    "Skirt": "skirt", "Polo": "polo", "Undershirt": "undershirt", "Hoodie": "hoodie",
    "Blazer": "blazer", "Body": "body", "Top": "top", "Blouse": "blouse",
}  # fmt: skip
"""label of products.csv -> category; shoes and pants are of more kinds than the drawn ones."""

_BOTH_IN_ONE_SHARE: Final = 0.6
_NAMED_SHARE: Final = 0.5


def photo_edit(
    rng: np.random.Generator,
    *,
    label: str | None = None,
    color: str | None = None,
    same: str | None = None,
) -> str:
    """What one says to get from a photo to another label, another color, or both.

    Args:
        rng: draws the words.
        label: the wanted category (a value of `CATEGORY_OF_LABEL`); None where it stays.
        color: the wanted color (a key of `COLORS`); None where it stays.
        same: the category of the photo that is shown, which may be named ("the same dress in
            red", "swap the dress for a skirt").

    Raises:
        ValueError: neither label nor color is wanted.
    """
    if label is None and color is None:
        raise ValueError("an edit of a photo needs a label or a color")
    old = choose(rng, NOUNS[same]) if same is not None and rng.random() < _NAMED_SHARE else None
    if label is not None and color is not None and rng.random() < _BOTH_IN_ONE_SHARE:
        # "as a red dress": one thing that has both.
        noun = f"{choose(rng, COLORS[color])} {choose(rng, NOUNS[label])}"
        sayings = [category_saying(noun, old)]
    else:
        sayings = []
        if label is not None:
            sayings.append(category_saying(choose(rng, NOUNS[label]), old))
        if color is not None:
            sayings.append(color_saying(choose(rng, COLORS[color])))
    mood = MOODS[int(rng.integers(len(MOODS)))]
    parts = [sayings[place].say(mood, rng) for place in rng.permutation(len(sayings))]
    opening = same_noun(old, mood, rng) if old is not None and label is None else ""
    return wrapped(parts, mood, rng, opening)


def photo_description(rng: np.random.Generator, label: str, color: str | None = None) -> str:
    """A photo in words alone: "a red dress", "looking for trousers in navy"."""
    noun = choose(rng, NOUNS[label])
    if color is None:
        return asked(with_article(noun) if rng.random() < _NAMED_SHARE else noun, rng)
    word = choose(rng, COLORS[color])
    plain = f"{word} {noun}"
    options = (
        plain, with_article(noun, word), with_article(noun, word), f"{noun} in {word}",
        f"{with_article(noun)} in {word}", f"{with_article(noun)} that is {word}",
        f"{noun}, {word}",
    )  # fmt: skip
    return asked(pick(rng, options), rng)
