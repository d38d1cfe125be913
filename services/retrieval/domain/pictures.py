"""Pictures of the image store, kept and set aside."""

from dataclasses import dataclass, field
from enum import StrEnum


class PictureShelf(StrEnum):
    """Where in the image store a picture lies."""

    KEPT = "kept"
    TRASH = "trash"


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture of the image store, without its bytes.

    ``changed_at_s``: seconds since 1970, by the store's clock, when it came to its shelf.
    """

    sha256: str
    changed_at_s: float


@dataclass(frozen=True, slots=True)
class ReferencedPictures:
    """What the index refers to: the sha256 (32 bytes) of each picture, and how many products."""

    sha256s: frozenset[bytes] = field(repr=False)
    products: int
