"""Pairs that get captions, and captions that pairs got."""

from dataclasses import dataclass
from enum import StrEnum


class PairKind(StrEnum):
    """What the reference shows."""

    SNAPSHOT = "snapshot"
    """The very product, worn; the target shows it alone (the case of MIXXX)."""
    PRODUCT = "product"
    """Another product of the category that differs in few attributes."""


@dataclass(frozen=True)
class Pair:
    """A reference and a target picture; words shall say how to get from one to the other."""

    kind: PairKind
    category: str
    reference: str
    """Picture, as in `Product`; so is `target`."""
    target: str
    reference_id: str
    """Product; so is `target_id`, the same one for a snapshot."""
    target_id: str


@dataclass(frozen=True)
class Captioned:
    """A pair with its two captions."""

    pair: Pair
    captions: tuple[str, str]
    """One sentence each, English, as in FashionIQ."""
    captioner: str
    """Name and prompt version, for example ``openai:gpt-4o-mini:v1``."""
