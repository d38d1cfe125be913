"""What a feed consists of: rows, whole or broken."""

from collections.abc import Mapping
from dataclasses import dataclass


class FeedError(Exception):
    """The feed as a whole, or an option about it, cannot be used; the text says why."""


class RowError(Exception):
    """One row cannot be imported; the others can.

    ``message`` is a fixed sentence: what the row holds never becomes part of it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Row:
    """One product of the feed, as it was read."""

    number: int
    """1 for the first product of the feed."""
    line: int
    """Line of the file that it ends on; 1 is the first."""
    raw: bytes
    """What was read, to notice later that it has changed."""
    fields: Mapping[str, object]
    """By name; empty where the row is broken."""
    problem: RowError | None = None

    @property
    def id(self) -> str:
        """The product's id as far as one can be told; empty otherwise."""
        value = self.fields.get("id")
        if isinstance(value, bool) or not isinstance(value, str | int):
            return ""
        return str(value)
