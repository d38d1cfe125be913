"""A feed: a file of rows in one of the two formats, told by its name."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer import csv_feed, jsonl
from indexer.rows import FeedError, Row


@dataclass(frozen=True)
class Feed:
    """A readable feed, counted."""

    path: Path
    rows: int
    """How many products it holds."""
    columns: str
    """How its columns are read, as one word for each; empty for JSON Lines."""
    read: Callable[[], Iterator[Row]]
    """Yields its rows from the first; may be called again."""


def open_feed(path: Path) -> Feed:
    """Look through ``path`` once and describe it.

    Raises:
        FeedError: it cannot be read, is of no known format, or has no rows.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise FeedError(f"{path} is not a file.")
        feed = _describe(path)
    except OSError as error:
        raise FeedError(f"{path} cannot be read: {error.strerror}.") from error
    if feed.rows == 0:
        raise FeedError(f"{path} has no rows.")
    return feed


def _describe(path: Path) -> Feed:
    match path.suffix.lower():
        case ".jsonl" | ".ndjson" | ".json":
            return Feed(path, jsonl.count_rows(path), "", lambda: jsonl.read_rows(path))
        case ".csv":
            rows, converters = csv_feed.survey(path)
            columns = " ".join(
                f"{name}:{convert.__name__}" for name, convert in sorted(converters.items())
            )
            return Feed(path, rows, columns, lambda: csv_feed.read_rows(path, converters))
        case _:
            raise FeedError(f"{path.name} is neither .jsonl nor .csv.")


def fingerprint(*parts: str) -> str:
    """Sha256 of ``parts``, in hex."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
