"""A feed in one of its formats, told by its name, and looked through once before it is used."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog.errors import CatalogError
from catalog.feed.csv_rows import read_csv
from catalog.feed.json_rows import read_json_lines
from catalog.feed.merchant_rows import read_merchant
from catalog.feed.rows import Row

_READERS: Final[dict[str, Callable[[Path], Iterator[Row]]]] = {
    **dict.fromkeys((".csv", ".tsv"), read_csv),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), read_json_lines),
    **dict.fromkeys((".xml", ".rss", ".atom"), read_merchant),
}


@dataclass(frozen=True)
class Feed:
    """A feed that can be read to its end."""

    path: Path
    rows: int
    columns: tuple[str, ...]
    """All names, in the order in which they first come."""

    def read(self) -> Iterator[Row]:
        """The rows from the first; may be called again."""
        return _read(self.path)


def open_feed(path: Path) -> Feed:
    """Look through the whole file, so that nothing has been done yet when it turns out unusable.

    Raises:
        CatalogError: It cannot be read, is of no known format, not in UTF-8, or has no rows.
    """
    if path.suffix.lower() not in _READERS:
        raise CatalogError(
            f"{path} is of no known format: a feed is a .csv, .tsv, .jsonl or Google Merchant .xml"
        )
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CatalogError(f"{path} is not a file")
        rows, columns = 0, dict[str, None]()
        for row in _read(path):
            rows += 1
            columns.update(dict.fromkeys(row.fields))
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from None
    if not rows:
        raise CatalogError(f"{path} has no products")
    return Feed(path, rows, tuple(columns))


def _read(path: Path) -> Iterator[Row]:
    try:
        yield from _READERS[path.suffix.lower()](path)
    except UnicodeDecodeError:
        raise CatalogError(f"{path} is not UTF-8; save it in that encoding") from None
