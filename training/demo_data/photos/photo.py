"""Real photos of garments: what is known of one, and which of them train.

People have said what each garment is; its color is measured from the pixels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

SURE: Final = 0.5
"""Confidence of a measured color under which a photo has none. Of 100 photos that reach it, as 84 %
do, 90 were right by eye, and four more could be argued about; of 30 between 0.4 and this, 24."""
HELD_OUT_SHARE: Final = 0.15
VALIDATION_SHARE: Final = 0.03


class Part(StrEnum):
    """What a photo serves for."""

    TRAINING = "training"
    VALIDATION = "validation"
    HELD_OUT = "held-out"


@dataclass(frozen=True)
class Photo:
    """A photo of one garment."""

    id: str
    """In its source; decides its part."""
    name: str
    """Of its file, without extension."""
    category: str
    """What people said it is, by the drawn catalog's name where it has one."""
    color: str | None
    """One of `catalog.color.names.COLOR_NAMES`; None where it is not sure."""

    def attributes(self) -> dict[str, str]:
        """What is known, by the names of the drawn pictures' attributes."""
        color = {} if self.color is None else {"color": self.color}
        return {"category": self.category, **color}


@dataclass(frozen=True)
class PhotoShelf:
    """Photos made ready for use."""

    photos: Sequence[Photo]
    images: Path
    """Folder of their files."""
    digest: str
    """Of what they were made from."""


def part_of(photo_id: str) -> Part:
    """The part of a photo, by the sha256 of its id alone, so that others change nothing."""
    place = int.from_bytes(sha256(photo_id.encode()).digest()[:8]) / 2**64
    if place < HELD_OUT_SHARE:
        return Part.HELD_OUT
    return Part.VALIDATION if place < HELD_OUT_SHARE + VALIDATION_SHARE else Part.TRAINING


def photos_of(photos: Iterable[Photo], part: Part) -> list[Photo]:
    """Those that serve for this, in their order."""
    return [photo for photo in photos if part_of(photo.id) is part]
