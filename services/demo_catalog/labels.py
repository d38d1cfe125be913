"""What a shop says about a garment that its picture does not show: title, brand and price."""

from typing import Final

import numpy as np

from demo_catalog.garments import Garment

BRANDS: Final = (
    "Quillwater", "Marrowby", "Tessaline", "Brackenfold", "Pipkin Lane", "Saltmere Mill",
    "Tindrawool", "Vellowick", "Ottergrain", "Lumenharrow", "Plumbriar", "Ninefold Thread",
)  # fmt: skip
"""Invented labels."""

CURRENCY: Final = "EUR"
_PRICE_RANGES: Final = {
    "hoodie": (35, 90), "coat": (90, 320), "jeans": (40, 130), "shirt": (25, 95),
    "t-shirt": (9, 45), "dress": (35, 180), "skirt": (25, 110), "shorts": (19, 70),
    "sneakers": (45, 160), "hat": (12, 60),
}  # fmt: skip
_LENGTH_WORDS: Final = {
    "short": {"coat": "short", "dress": "mini", "skirt": "mini", "shorts": "short"},
    "knee": {"coat": "knee-length", "dress": "knee-length", "skirt": "knee-length",
             "shorts": "knee-length"},
    "long": {"coat": "long", "dress": "maxi", "skirt": "maxi"},
}  # fmt: skip
_SLEEVE_WORDS: Final = {"none": "sleeveless", "short": "short-sleeved", "long": "long-sleeved"}


def title(garment: Garment) -> str:
    """For example "Striped navy hoodie with pocket and star print"."""
    words: list[str] = []
    if garment.length is not None:
        words.append(_LENGTH_WORDS[garment.length][garment.category])
    if garment.sleeve is not None and garment.category not in ("hoodie", "coat"):
        words.append(_SLEEVE_WORDS[garment.sleeve])
    elif garment.category == "hoodie" and garment.sleeve != "long":
        words.append(_SLEEVE_WORDS[str(garment.sleeve)])
    if garment.pattern != "plain":
        words.append(garment.pattern)
    words += [garment.color, garment.category]
    extras = []
    if garment.hood and garment.category != "hoodie":
        extras.append("hood")
    if garment.pocket:
        one = garment.category in ("hoodie", "shirt", "t-shirt")
        extras.append("pocket" if one else "pockets")
    if garment.buttons:
        extras.append("buttons")
    if garment.print is not None:
        extras.append(f"{garment.print} print")
    text = " ".join(words)
    if extras:
        text += " with " + ", ".join(extras[:-1]) + (" and " if extras[1:] else "") + extras[-1]
    return text[0].upper() + text[1:]


def brand(rng: np.random.Generator) -> str:
    """One of ``BRANDS``."""
    return BRANDS[int(rng.integers(len(BRANDS)))]


def price(garment: Garment, rng: np.random.Generator) -> float:
    """In ``CURRENCY``, within what its category costs; cheap ones are more common."""
    low, high = _PRICE_RANGES[garment.category]
    whole = int(low + (high - low) * rng.beta(1.4, 2.4))
    return whole + (0.99, 0.95, 0.5, 0.0)[int(rng.integers(4))]
