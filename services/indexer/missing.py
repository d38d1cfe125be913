"""Products of the catalog that a full feed does not list: looked up before the import, deleted
after it.

Before, so that a product which somebody else adds while the import runs is not among them. The ids
lie in a database of their own on the disk, however many there are.
"""

import asyncio
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Final, TypeVar

from indexer.batches import Fold
from indexer.client import CatalogClient
from indexer.feed import Feed
from indexer.product import Mapper
from indexer.rows import Row

_CHUNK: Final = 100
_AT_ONCE: Final = 8

T = TypeVar("T")


class DeletionRefusedError(Exception):
    """Nothing was deleted; the text says why, and what to do."""


@dataclass(frozen=True)
class Limit:
    """How many products may go, as it was asked for: a count, or a share of the catalog."""

    text: str

    def of(self, total: int) -> float:
        """The limit as a count, of ``total``."""
        text = self.text
        return float(text[:-1]) / 100 * total if text.endswith("%") else float(text)


class MissingProducts:
    """The products that a feed does not list; a context manager."""

    def __init__(self, client: CatalogClient) -> None:
        """Nothing is looked up yet."""
        self._client = client
        # SQLite's name for a database in a temporary file, which goes when it is closed.
        self._db = sqlite3.connect("", check_same_thread=False)
        self._db.execute("CREATE TABLE listed (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("CREATE TABLE missing (id TEXT PRIMARY KEY, written TEXT) WITHOUT ROWID")
        self._unreadable = 0
        self._fold = ""
        self.catalog_size = 0
        """Products of the catalog when it was looked through."""

    def __enter__(self) -> "MissingProducts":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    async def look(self, feed: Feed, mapper: Mapper) -> None:
        """Read the ids of the feed, then those of the catalog.

        Raises:
            FeedError: the feed turns out to be unreadable.
            ServiceError: the service refused, or stayed away too long.
        """
        await asyncio.to_thread(self._list_feed, feed.read(), mapper)
        async for products in self._client.all_products():
            self.catalog_size += len(products)
            await asyncio.to_thread(self._note_missing, products)

    @property
    def count(self) -> int:
        """How many products of the catalog the feed does not list."""
        found: int = self._db.execute("SELECT count(*) FROM missing").fetchone()[0]
        return found

    def ids(self) -> Iterator[str]:
        """Their ids, in order."""
        for (product_id,) in self._db.execute("SELECT id FROM missing ORDER BY id"):
            yield product_id

    def check(self, fold: str, most: Limit) -> None:
        """Make sure that they may go.

        Args:
            fold: over the rows that were imported.
            most: how many may go.

        Raises:
            DeletionRefusedError: the feed does not tell for certain, or they are too many.
        """
        if self._unreadable:
            rows = "1 row has" if self._unreadable == 1 else f"{self._unreadable} rows have"
            raise DeletionRefusedError(
                f"{rows} no id that can be read, so which products the feed lists is not certain. "
                "Mend the feed (the dead letters name the rows)."
            )
        if self._fold != fold:
            raise DeletionRefusedError(
                "The feed or its pictures changed during the import. Run the same command again."
            )
        if self.count > most.of(self.catalog_size):
            raise DeletionRefusedError(
                f"The feed does not list {self.count} of the catalog's {self.catalog_size} "
                f"products, more than --delete-at-most {most.text}. Make sure that the feed is "
                "whole (--show-missing tells the ids), then allow more."
            )

    async def delete(self, on_progress: Callable[[int], None]) -> int:
        """Delete them, but for those written since they were looked up; returns how many went.

        One that is gone already, by another importer perhaps, is not counted.

        Raises:
            ServiceError: the service refused, or stayed away too long; run it again.
        """
        deleted = 0
        rows = self._db.execute("SELECT id, written FROM missing ORDER BY id")
        for some in _chunks(rows, _AT_ONCE):
            gone = await asyncio.gather(
                *(
                    self._client.delete_unwritten(product_id, written)
                    for product_id, written in some
                )
            )
            deleted += sum(gone)
            on_progress(len(some))
        return deleted

    def _list_feed(self, rows: Iterator[Row], mapper: Mapper) -> None:
        fold = Fold()
        for some in _chunks(rows, _CHUNK):
            for row in some:
                fold.add(row, mapper.picture_state(row))
            ids = [unicodedata.normalize("NFC", row.id) for row in some if row.id]
            self._unreadable += len(some) - len(ids)
            self._write("INSERT OR IGNORE INTO listed VALUES (?)", [(one,) for one in ids])
        self._fold = fold.value()

    def _note_missing(self, products: list[tuple[str, str]]) -> None:
        self._write(
            "INSERT OR REPLACE INTO missing SELECT ?1, ?2 "
            "WHERE NOT EXISTS (SELECT 1 FROM listed WHERE id = ?1)",
            products,
        )

    def _write(self, statement: str, values: Iterable[tuple[str, ...]]) -> None:
        with self._db:
            self._db.executemany(statement, values)


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
