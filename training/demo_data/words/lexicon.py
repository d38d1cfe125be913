"""Words for the values of what a garment has: pattern, sleeves, length, print and details.

Colors are in `colors`, kinds of garments in `garments`.
"""

from typing import Final

from demo_data.words.choosing import Words

PATTERN_ADJECTIVES: Final[dict[str, Words]] = {
    "plain": (
        "plain", "solid", "solid colored", "unpatterned", "single colored", "one color", "simple",
        "solid coloured",
        "monochrome", "unprinted",
    ),
    "striped": (
        "striped", "stripy", "stripey", "pinstripe", "stripe patterned", "lined", "stripped",
    ),
    "checked": ("checked", "checkered", "plaid", "gingham", "tartan", "chequered", "check"),
    "dotted": ("dotted", "polka dot", "spotted", "dotty", "polka dotted", "polka-dot", "spotty"),
    "floral": ("floral", "flowery", "flowered", "floral patterned", "flower patterned"),
}  # fmt: skip
PATTERN_THINGS: Final[dict[str, Words]] = {
    "plain": ("no pattern", "a plain look", "a solid color", "no pattern at all", "a single color"),
    "striped": (
        "stripes", "a striped pattern", "a stripe pattern", "lines", "pinstripes", "stripes on it",
        "a striped design", "strips",
    ),
    "checked": (
        "checks", "a checked pattern", "a plaid pattern", "squares", "a check pattern",
        "a checkered pattern", "a plaid design", "a tartan pattern", "plaid",
    ),
    "dotted": (
        "dots", "polka dots", "spots", "a dotted pattern", "a polka dot pattern", "dots on it",
        "a dot design",
    ),
    "floral": (
        "flowers", "a floral pattern", "a flower pattern", "blossoms", "a floral print",
        "a floral design", "flowers on it", "a flower print",
    ),
}  # fmt: skip
COLORED_PATTERN: Final[dict[str, Words]] = {
    "striped": ("stripes", "lines", "stripe", "pinstripes"),
    "checked": ("checks", "squares", "plaid"),
    "dotted": ("dots", "polka dots", "spots"),
    "floral": ("flowers", "blossoms"),
}
SLEEVE_THINGS: Final[dict[str, Words]] = {
    "none": ("no sleeves", "no sleeve", "bare arms", "no sleeves at all", "no arms"),
    "short": (
        "short sleeves", "short sleeve", "half sleeves", "short arms", "sleeves to the elbow",
    ),
    "long": (
        "long sleeves", "long sleeve", "full sleeves", "long arms", "full length sleeves",
        "sleeves to the wrist",
    ),
}  # fmt: skip
SLEEVE_ADJECTIVES: Final[dict[str, Words]] = {
    "none": ("sleeveless", "sleeve less", "sleeveless"),
    "short": ("short sleeved", "short-sleeved", "short sleeve", "half sleeved"),
    "long": ("long sleeved", "long-sleeved", "long sleeve", "full sleeved"),
}
LENGTHS: Final[dict[str, Words]] = {
    "short": ("short", "mini", "cropped", "very short", "super short", "above the knee"),
    "knee": (
        "knee length", "knee-length", "mid length", "midi", "medium length", "to the knee",
        "knee high", "down to the knees",
    ),
    "long": (
        "long", "full length", "maxi", "ankle length", "floor length", "floor-length",
        "to the floor", "down to the ankles", "very long",
    ),
}  # fmt: skip
"""Those with a preposition stand behind a noun, all others before it too."""
PRINTS: Final[dict[str, Words]] = {
    "logo": ("logo", "brand logo", "emblem", "company logo", "brand name", "badge"),
    "star": ("star", "big star", "pointed star"),
    "heart": ("heart", "love heart", "big heart"),
    "lightning": ("lightning bolt", "lightning", "bolt", "flash", "thunderbolt"),
    "moon": ("moon", "crescent moon", "crescent", "half moon"),
    "cat": ("cat", "cat face", "kitty", "kitten", "cat head"),
}
ANY_PRINT: Final = ("print", "graphic", "picture", "image", "motif", "artwork")
FLAG_THINGS: Final[dict[str, Words]] = {
    "hood": ("a hood", "the hood", "hood", "a hood on it", "a hood at the back"),
    "pocket": (
        "a pocket", "pockets", "pocket", "the pocket", "patch pockets", "some pockets",
        "pockets on it",
    ),
    "buttons": (
        "buttons", "some buttons", "a button front", "visible buttons", "buttons down the front",
        "a buttoned front",
    ),
}  # fmt: skip
FLAG_ADJECTIVES: Final[dict[str, Words]] = {
    "hood": ("hooded",),
    "pocket": ("pocketed",),
    "buttons": ("buttoned", "button up", "button-up", "button down", "buttoned up"),
}
FLAG_NAMES: Final[dict[str, Words]] = {
    "hood": ("hood", "hoods"),
    "pocket": ("pocket", "pockets"),
    "buttons": ("buttons", "button"),
}
"""What is said of what is not there: "without pockets"."""
LESS: Final = {
    "hood": "hoodless", "pocket": "pocketless", "buttons": "buttonless", "pattern": "patternless",
    "print": "printless", "logo": "logoless",
}  # fmt: skip
"""What is not there in one word, by its noun."""
