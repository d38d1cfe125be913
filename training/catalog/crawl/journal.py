"""What a crawl has fetched, on disk before the next request goes out.

    DIR/crawl/journal.sqlite3    answers with their validators, what was read of them, what was not

A run is one pass over the shop. What a run has fetched it never fetches again, however often it is
killed; what an earlier run has fetched is asked for with `If-None-Match` and `If-Modified-Since`.
An answer is synced to disk as it comes. What was read of it follows with the next one, as a crawl
that goes on reads every kept answer again.
"""

import json
import sqlite3
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from w3lib.url import canonicalize_url

from catalog.errors import CatalogError

JOURNAL: Final = "journal.sqlite3"
_LAYOUT: Final = 1
_TABLES: Final = """
CREATE TABLE shop (name TEXT NOT NULL);
CREATE TABLE runs (number INTEGER PRIMARY KEY, started REAL NOT NULL, finished REAL);
CREATE TABLE answers (
    url TEXT PRIMARY KEY, run INTEGER NOT NULL, fetched REAL NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE pictures (
    url TEXT PRIMARY KEY, path TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE products (page TEXT PRIMARY KEY, run INTEGER NOT NULL, reading TEXT NOT NULL)
WITHOUT ROWID;
CREATE TABLE listings (
    page TEXT NOT NULL, place INTEGER NOT NULL, category TEXT NOT NULL, run INTEGER NOT NULL,
    PRIMARY KEY (page, place)
) WITHOUT ROWID;
CREATE TABLE notes (
    subject TEXT PRIMARY KEY, run INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL
) WITHOUT ROWID;
"""
Headers = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """A response that was kept. The body of a picture is empty: the picture has it."""

    run: int
    fetched: float
    """Seconds since 1970."""
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class PictureRow:
    """What became of a picture: a path, or the reason why there is none."""

    path: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Note:
    """A page that gave nothing, and why. `reason` is UPPER_SNAKE."""

    subject: str
    reason: str
    message: str


def key(url: str) -> str:
    """One address for all spellings that Scrapy takes for the same request."""
    return str(canonicalize_url(url))


class Journal:
    """The journal of one folder, held by one process at a time."""

    def __init__(self, folder: Path, shop: str) -> None:
        """Open or begin it. Raises `CatalogError` for another shop's, or one that is in use."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / JOURNAL
        self._database = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            self._open(path, shop)
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" in str(error):
                raise CatalogError(f"another crawl is at work in {folder.parent}") from None
            raise
        except sqlite3.DatabaseError:
            self._database.close()
            raise CatalogError(f"{path} is damaged; remove it to begin anew") from None
        except CatalogError:
            self._database.close()
            raise
        self.run, self.resumed = self._begin()

    def _open(self, path: Path, shop: str) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("BEGIN IMMEDIATE")
        layout = run("PRAGMA user_version").fetchone()[0]
        if layout == 0:
            for statement in _TABLES.split(";"):
                run(statement)
            run("INSERT INTO shop VALUES (?)", (shop,))
            run(f"PRAGMA user_version = {_LAYOUT}")
        elif layout != _LAYOUT:
            raise CatalogError(f"{path} is of another version; remove it to begin anew")
        run("COMMIT")
        known = run("SELECT name FROM shop").fetchone()[0]
        if known != shop:
            raise CatalogError(f"{path.parent.parent} holds a crawl of {known}, not of {shop}")

    def _begin(self) -> tuple[int, bool]:
        """The unfinished run, or a new one; and whether it goes on."""
        run = self._database.execute
        last = run("SELECT number, finished FROM runs ORDER BY number DESC LIMIT 1").fetchone()
        if last is not None and last[1] is None:
            return last[0], True
        number = last[0] + 1 if last else 1
        self._write("DELETE FROM notes")
        self._write("INSERT INTO runs VALUES (?, ?, NULL)", number, time.time())
        self._commit()
        return number, False

    def finish(self) -> None:
        """The run is over: the next one asks anew."""
        self._write("DELETE FROM listings WHERE run < ?", self.run)
        self._write("UPDATE runs SET finished = ? WHERE number = ?", time.time(), self.run)
        self._commit()

    def close(self) -> None:
        """Let go of the folder. What was read and cannot be written now can be read again."""
        with suppress(sqlite3.Error):
            self._commit()
        self._database.close()

    def _write(self, statement: str, *values: Any) -> None:
        """Part of a transaction that the next `_commit` ends."""
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")
        self._database.execute(statement, values)

    def _commit(self) -> None:
        if self._database.in_transaction:
            self._database.commit()

    def _first(self, query: str, *values: Any) -> Any:
        """The first row of a query, or None."""
        return self._database.execute(query, values).fetchone()

    # Answers: on disk at once

    def answer(self, url: str) -> Answer | None:
        """What was last kept for an address."""
        row = self._first(
            "SELECT run, fetched, status, headers, body FROM answers WHERE url = ?", key(url)
        )
        if row is None:
            return None
        return Answer(row[0], row[1], row[2], json.loads(row[3]), zlib.decompress(row[4]))

    def keep(
        self,
        url: str,
        status: int,
        headers: Headers,
        body: bytes,
        picture: PictureRow | None = None,
    ) -> None:
        """Keep an answer, and what became of its picture, as one step."""
        said = json.dumps({name: list(values) for name, values in headers.items()})
        try:
            self._write(
                "REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                *(key(url), self.run, time.time(), status, said, zlib.compress(body, 6)),
            )
            self._write("DELETE FROM pictures WHERE url = ?", key(url))
            if picture is not None:
                self._write(
                    "INSERT INTO pictures VALUES (?, ?, ?, ?)",
                    *(key(url), picture.path, picture.reason, picture.message),
                )
            self._commit()
        except BaseException:
            self._database.rollback()
            raise

    def unchanged(self, url: str, headers: Headers) -> None:
        """The kept answer still holds; `headers` of the 304 replace its own (RFC 9111, 3.2)."""
        kept = self.answer(url)
        if kept is None:
            return
        merged = {**kept.headers, **{name: list(values) for name, values in headers.items()}}
        self._write(
            "UPDATE answers SET run = ?, fetched = ?, headers = ? WHERE url = ?",
            *(self.run, time.time(), json.dumps(merged), key(url)),
        )
        self._commit()

    def seen(self, url: str) -> None:
        """The kept answer is fresh by its own word: this run need not ask."""
        self._write("UPDATE answers SET run = ? WHERE url = ?", self.run, key(url))

    def picture(self, url: str) -> PictureRow | None:
        """What became of the picture of an address."""
        row = self._first("SELECT path, reason, message FROM pictures WHERE url = ?", key(url))
        return None if row is None else PictureRow(*row)

    def pages_read(self) -> int:
        """Addresses that answered this run with something."""
        [count] = self._first(
            "SELECT count(*) FROM answers WHERE run = ? AND status = 200 "
            "AND url NOT LIKE '%/robots.txt'",
            self.run,
        )
        return int(count)

    # What was read of them, and what was not: on disk with the next answer

    def keep_product(self, page: str, reading: Mapping[str, Any]) -> None:
        """A page has this product."""
        row = json.dumps(reading, ensure_ascii=False)
        self._write("REPLACE INTO products VALUES (?, ?, ?)", key(page), self.run, row)

    def product_pages(self) -> list[str]:
        """Pages that were read as products, by this run or an earlier one; in order."""
        return [row[0] for row in self._database.execute("SELECT page FROM products ORDER BY page")]

    def products(self) -> Iterator[tuple[str, bool, dict[str, Any]]]:
        """Page, whether this run has read it, and what was read; in order of pages."""
        for page, run, reading in self._database.execute(
            "SELECT page, run, reading FROM products ORDER BY page"
        ):
            yield page, run == self.run, json.loads(reading)

    def has_product(self, page: str) -> bool:
        """Whether a page was read as a product, by this run or an earlier one."""
        return self._first("SELECT 1 FROM products WHERE page = ?", key(page)) is not None

    def forget_product(self, page: str) -> None:
        """A page has no product any more."""
        self._write("DELETE FROM products WHERE page = ?", key(page))

    def list_product(self, page: str, place: int, category: str) -> None:
        """The start page at `place` of the profile leads to a product, in its category."""
        self._write(
            "REPLACE INTO listings VALUES (?, ?, ?, ?)", key(page), place, category, self.run
        )

    def listed_category(self, page: str) -> str:
        """Category of the first start page that leads to a product; empty where none does."""
        row = self._first(
            "SELECT category FROM listings WHERE page = ? ORDER BY run DESC, place LIMIT 1",
            key(page),
        )
        return row[0] if row else ""

    def note(self, subject: str, reason: str, message: str) -> None:
        """Remember why an address gave nothing."""
        self._write(
            "REPLACE INTO notes VALUES (?, ?, ?, ?)", key(subject), self.run, reason, message
        )

    def clear_note(self, subject: str) -> None:
        """It did give something after all."""
        self._write("DELETE FROM notes WHERE subject = ?", key(subject))

    def notes(self) -> dict[str, Note]:
        """This run's, by subject."""
        rows = self._database.execute(
            "SELECT subject, reason, message FROM notes WHERE run = ? ORDER BY subject",
            (self.run,),
        )
        return {row[0]: Note(*row) for row in rows}
