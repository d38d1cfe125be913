"""What a feed consists of: rows, whole or broken."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class RowRefusedError(Exception):
    """A row cannot be a product; the others can."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """UPPER_SNAKE."""
        self.message = message
        """One sentence."""


@dataclass(frozen=True)
class Row:
    """One product of a feed, as it was read."""

    where: str
    """For a person, for example "line 12" or "item 3"."""
    fields: Mapping[str, Any]
    """By the feed's own names: text; from JSON also numbers, lists and the like; from XML a list
    where an element comes more than once."""
    problem: RowRefusedError | None = None
    """Why there are no fields."""
