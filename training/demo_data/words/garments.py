"""Words for kinds of garments: the drawn ones, and those that only photos show."""

from typing import Final

from demo_data.words.choosing import Words

NOUNS: Final[dict[str, Words]] = {
    "hoodie": (
        "hoodie", "hoody", "hooded sweatshirt", "sweatshirt", "hooded sweater", "hooded jumper",
        "pullover", "jumper", "hooded top",
    ),
    "coat": (
        "coat", "jacket", "overcoat", "parka", "outerwear", "winter coat", "rain coat", "raincoat",
        "trench coat",
    ),
    "jeans": (
        "jeans", "pants", "trousers", "denim pants", "denim jeans", "pair of jeans", "jean",
        "pair of trousers",
    ),
    "shirt": ("shirt", "collared shirt", "dress shirt", "blouse", "formal shirt", "business shirt"),
    "t-shirt": ("t-shirt", "tee", "t shirt", "tshirt", "tee shirt", "t-shirts", "t"),
    "dress": ("dress", "gown", "frock", "evening dress", "party dress", "summer dress"),
    "skirt": ("skirt", "skirt", "skirts"),
    "shorts": ("shorts", "short pants", "pair of shorts", "summer shorts"),
    "sneakers": (
        "sneakers", "shoes", "trainers", "sneaker", "shoe", "kicks", "pair of sneakers",
        "running shoes", "tennis shoes", "gym shoes", "sports shoes", "pair of shoes",
    ),
    "hat": ("hat", "cap", "headwear", "baseball cap", "sun hat"),
    "pants": ("pants", "trousers", "pair of pants", "pair of trousers", "long pants"),
    "shoes": ("shoes", "pair of shoes", "footwear", "shoe"),
    "longsleeve": (
        "longsleeve", "long sleeve", "long-sleeved top", "long sleeve shirt", "long sleeved tee",
        "long sleeve t-shirt", "sweater", "jumper", "pullover",
    ),
    "polo": ("polo", "polo shirt", "polo tee", "polo t-shirt"),
    "undershirt": ("undershirt", "vest", "tank", "tank top", "sleeveless undershirt"),
    "blazer": ("blazer", "suit jacket", "sports jacket", "formal jacket"),
    "body": ("body", "bodysuit", "body suit", "baby bodysuit"),
    "top": ("top", "tank top", "crop top"),
    "blouse": ("blouse", "ladies shirt", "blouse top"),
}  # fmt: skip
"""category -> its words, the usual one first."""

_PLURAL: Final = ("jeans", "pants", "trousers", "shorts", "sneakers", "shoes", "trainers", "kicks")
_MANY: Final = ("skirts", "t-shirts")
_UNCOUNTED: Final = ("outerwear", "headwear", "footwear")


def takes_article(noun: str) -> bool:
    """Whether one says "a" or "an" before the noun."""
    if "pair of " in noun:
        return True
    return noun.rsplit(" ", 1)[-1] not in (*_PLURAL, *_MANY, *_UNCOUNTED)


def with_article(noun: str, before: str = "") -> str:
    """ "a dress", "an orange dress", "jeans"."""
    words = f"{before} {noun}".strip()
    if not takes_article(noun):
        return words
    return f"an {words}" if words[0] in "aeio" else f"a {words}"
