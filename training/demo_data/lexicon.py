"""Words for attribute values, as people use them."""

from typing import Final

COLORS: Final[dict[str, tuple[str, ...]]] = {
    "black": ("black", "black", "black", "jet black", "pitch black", "ebony"),
    "white": ("white", "white", "white", "snow white", "off white", "ivory", "cream"),
    "gray": ("gray", "grey", "gray", "silver gray", "ash grey", "charcoal gray", "silver"),
    "red": ("red", "red", "red", "crimson", "scarlet", "cherry red", "bright red", "ruby"),
    "orange": ("orange", "orange", "orange", "tangerine", "bright orange", "pumpkin"),
    "yellow": ("yellow", "yellow", "yellow", "lemon yellow", "golden", "sunny yellow", "mustard"),
    "green": ("green", "green", "green", "emerald", "forest green", "grass green", "kelly green"),
    "blue": ("blue", "blue", "blue", "royal blue", "bright blue", "cobalt blue", "azure"),
    "navy": ("navy", "navy blue", "navy", "dark blue", "midnight blue", "deep navy"),
    "purple": ("purple", "purple", "purple", "violet", "plum", "lavender", "grape purple"),
    "pink": ("pink", "pink", "pink", "rose", "light pink", "rose pink", "blush pink"),
    "brown": ("brown", "brown", "brown", "chocolate brown", "chestnut", "coffee brown", "tan"),
}
NOUNS: Final[dict[str, tuple[str, ...]]] = {
    "hoodie": ("hoodie", "hoodie", "hoodie", "hooded sweatshirt", "hoody", "sweatshirt"),
    "coat": ("coat", "coat", "coat", "jacket", "overcoat", "parka", "outerwear"),
    "jeans": ("jeans", "jeans", "jeans", "pants", "trousers", "denim pants"),
    "shirt": ("shirt", "shirt", "shirt", "collared shirt", "dress shirt", "blouse"),
    "t-shirt": ("t-shirt", "t-shirt", "tee", "t shirt", "tshirt", "tee shirt"),
    "dress": ("dress", "dress", "dress", "gown", "frock"),
    "skirt": ("skirt", "skirt", "skirt"),
    "shorts": ("shorts", "shorts", "shorts", "short pants"),
    "sneakers": ("sneakers", "sneakers", "shoes", "trainers", "sneaker", "shoe", "kicks"),
    "hat": ("hat", "hat", "hat", "cap", "headwear"),
}
PLURAL: Final = frozenset(
    [
        "jeans",
        "pants",
        "trousers",
        "denim pants",
        "shorts",
        "short pants",
        "sneakers",
        "shoes",
        "trainers",
        "kicks",
    ]
)
PATTERN_ADJECTIVES: Final[dict[str, tuple[str, ...]]] = {
    "plain": ("plain", "plain", "solid", "solid colored", "unpatterned", "single colored"),
    "striped": ("striped", "striped", "stripy", "stripey"),
    "checked": ("checked", "checkered", "plaid", "gingham", "tartan", "chequered"),
    "dotted": ("dotted", "polka dot", "spotted", "dotty", "polka dotted"),
    "floral": ("floral", "flowery", "flowered", "floral patterned"),
}
PATTERN_NOUNS: Final[dict[str, tuple[str, ...]]] = {
    "plain": ("no pattern", "a plain look", "a solid color", "no pattern at all"),
    "striped": ("stripes", "stripes", "a striped pattern", "stripe pattern", "lines"),
    "checked": ("checks", "a checked pattern", "a plaid pattern", "squares", "a check pattern"),
    "dotted": ("dots", "polka dots", "spots", "a dotted pattern"),
    "floral": ("flowers", "a floral pattern", "a flower pattern", "blossoms"),
}
COLORED_PATTERN: Final[dict[str, tuple[str, ...]]] = {
    "striped": ("stripes", "stripes", "lines"),
    "checked": ("checks", "checks", "squares", "plaid"),
    "dotted": ("dots", "polka dots", "spots"),
    "floral": ("flowers", "flowers", "blossoms"),
}
SLEEVES: Final[dict[str, tuple[str, ...]]] = {
    "none": ("no sleeves", "no sleeves", "no sleeve", "bare arms"),
    "short": ("short sleeves", "short sleeves", "half sleeves", "short sleeve"),
    "long": ("long sleeves", "long sleeves", "full sleeves", "long sleeve"),
}
SLEEVE_ADJECTIVES: Final[dict[str, tuple[str, ...]]] = {
    "none": ("sleeveless", "sleeveless", "without sleeves"),
    "short": ("short sleeved", "short-sleeved", "short sleeve"),
    "long": ("long sleeved", "long-sleeved", "long sleeve"),
}
LENGTHS: Final[dict[str, tuple[str, ...]]] = {
    "short": ("short", "short", "mini", "cropped", "very short"),
    "knee": ("knee length", "knee-length", "mid length", "midi", "medium length"),
    "long": ("long", "long", "full length", "maxi", "ankle length", "floor length"),
}
PRINTS: Final[dict[str, tuple[str, ...]]] = {
    "logo": ("logo", "logo", "brand logo", "logo print", "emblem"),
    "star": ("star", "star", "star print", "big star"),
    "heart": ("heart", "heart", "heart print", "love heart"),
    "lightning": ("lightning bolt", "lightning", "bolt", "lightning print", "flash"),
    "moon": ("moon", "crescent moon", "moon print", "crescent"),
    "cat": ("cat", "cat", "cat face", "kitty", "kitten", "cat print"),
}
NO_PRINT: Final = ("print", "print", "graphic", "picture", "image on it", "motif", "artwork")
FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "hood": ("a hood", "a hood", "the hood", "hood"),
    "pocket": ("a pocket", "pockets", "a pocket", "pocket", "the pocket", "patch pockets"),
    "buttons": ("buttons", "buttons", "some buttons", "a button front", "visible buttons"),
}
NO_FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "hood": ("hood", "hood", "hoods"),
    "pocket": ("pocket", "pockets", "pocket"),
    "buttons": ("buttons", "buttons", "button"),
}
LIGHTNESS: Final[dict[str, float]] = {
    "black": 0.02, "navy": 0.1, "brown": 0.3, "purple": 0.32, "red": 0.42, "blue": 0.46,
    "green": 0.5, "gray": 0.55, "orange": 0.68, "pink": 0.75, "yellow": 0.85, "white": 1.0,
}  # fmt: skip
LIGHTNESS_MARGIN: Final = 0.15
"""Colours closer than this in lightness are neither darker nor lighter."""
