"""Words for colors, as people use them.

Which words people use, and how often they grade them ("light blue", "dark red"), is what
FashionIQ's captions show; the lists are ours.
"""

from typing import Final

import numpy as np

from demo_data.words.choosing import Words, choose

COLORS: Final[dict[str, Words]] = {
    "black": (
        "black", "jet black", "pitch black", "ebony", "coal black", "onyx", "solid black",
        "deep black",
    ),
    "white": (
        "white", "off-white", "off white", "ivory", "cream", "snow white", "pure white",
        "solid white", "pearl white", "bright white", "eggshell",
    ),
    "gray": (
        "gray", "grey", "grey", "silver", "charcoal", "charcoal gray", "light grey", "dark gray",
        "dark grey", "light gray", "ash grey", "slate gray", "heather grey", "silver gray",
    ),
    "red": (
        "red", "crimson", "scarlet", "cherry red", "bright red", "ruby", "ruby red", "burgundy",
        "maroon", "wine red", "dark red", "deep red", "blood red", "solid red", "reddish",
    ),
    "orange": (
        "orange", "tangerine", "bright orange", "pumpkin", "apricot", "burnt orange", "amber",
        "dark orange", "neon orange",
    ),
    "yellow": (
        "yellow", "lemon yellow", "lemon", "golden", "gold", "mustard", "mustard yellow",
        "sunny yellow", "bright yellow", "light yellow", "canary yellow", "pale yellow",
    ),
    "green": (
        "green", "emerald", "emerald green", "forest green", "grass green", "kelly green", "olive",
        "olive green", "lime", "lime green", "mint", "mint green", "dark green", "light green",
        "bright green", "army green", "hunter green",
    ),
    "blue": (
        "blue", "royal blue", "bright blue", "cobalt blue", "cobalt", "azure", "light blue",
        "sky blue", "baby blue", "sapphire", "electric blue", "solid blue", "denim blue", "bluish",
    ),
    "navy": ("navy", "navy blue", "dark blue", "midnight blue", "deep navy", "deep blue"),
    "purple": (
        "purple", "violet", "plum", "lavender", "lilac", "grape purple", "dark purple",
        "light purple", "deep purple", "eggplant", "royal purple",
    ),
    "pink": (
        "pink", "rose", "rose pink", "light pink", "hot pink", "blush", "blush pink", "baby pink",
        "bright pink", "pale pink", "salmon pink", "bubblegum pink", "dusty pink", "pinkish",
    ),
    "brown": (
        "brown", "chocolate", "chocolate brown", "chestnut", "coffee brown", "coffee", "tan",
        "dark brown", "light brown", "caramel", "cocoa", "camel", "mocha", "brownish",
    ),
    "beige": ("beige", "sand", "khaki", "light tan", "oatmeal", "nude"),
}  # fmt: skip
"""color -> its words, the usual one first. Beige is a color of photos; none is drawn in it."""

SHARED: Final[dict[str, frozenset[str]]] = {
    "teal": frozenset({"green", "blue"}),
    "turquoise": frozenset({"green", "blue"}),
    "aqua": frozenset({"green", "blue"}),
    "magenta": frozenset({"pink", "purple"}),
    "peach": frozenset({"orange", "pink"}),
    "coral": frozenset({"orange", "pink", "red"}),
    "rust": frozenset({"orange", "brown", "red"}),
    "copper": frozenset({"orange", "brown"}),
}
"""Words that mean more than one color: whoever says them is content with each."""
_SHARED_SHARE: Final = 0.06

LIGHTNESS: Final[dict[str, float]] = {
    "black": 0.02, "navy": 0.1, "brown": 0.3, "purple": 0.32, "red": 0.42, "blue": 0.46,
    "green": 0.5, "gray": 0.55, "orange": 0.68, "pink": 0.75, "yellow": 0.85, "white": 1.0,
}  # fmt: skip
LIGHTNESS_MARGIN: Final = 0.15
"""Colors closer than this in lightness are neither darker nor lighter."""
VIVID: Final = frozenset({"red", "orange", "yellow", "green", "blue", "pink", "purple"})
"""What people call colorful; the others are muted."""


def color_words(rng: np.random.Generator, color: str) -> tuple[str, frozenset[str]]:
    """A word for a color, and every color that the word allows."""
    shared = [word for word, colors in SHARED.items() if color in colors]
    if shared and rng.random() < _SHARED_SHARE * len(shared):
        word = shared[int(rng.integers(len(shared)))]
        return word, SHARED[word]
    return choose(rng, COLORS[color]), frozenset([color])
