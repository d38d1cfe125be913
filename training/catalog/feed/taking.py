"""Pictures of a feed taken into the store, many at a time, each file once."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from catalog.feed.folder import PictureFolder
from catalog.feed.journal import Key, Outcome, PictureJournal, key_of
from catalog.pictures.reading import MAX_FILE_BYTES
from catalog.pictures.refused import PictureRefused
from catalog.pictures.store import PictureStore, StoredPicture

# Not remembered: rights may change while size and time stay.
_UNREADABLE: Final = PictureRefused("IMAGE_UNREADABLE", "The picture's file cannot be read.")
# A picture of the largest size takes some 300 MB while it is read.
_THREADS: Final = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Taken:
    """A picture that a row names, on its way into the store."""

    name: str
    """As the feed has it."""
    key: Key | None
    """Of its file, if it has one."""
    future: "Future[Outcome]"


class PictureTaker:
    """Takes pictures; a context manager, which drops what has not begun when it is left."""

    def __init__(self, folder: PictureFolder, output: Path, journal: PictureJournal) -> None:
        """No other process writes into `output` meanwhile."""
        self._folder = folder
        self._output = output
        self._store = PictureStore(output)
        self._store.sweep()
        self._journal = journal
        self._pool = ThreadPoolExecutor(_THREADS)
        self._begun: dict[Key, Future[Outcome]] = {}
        self.read = 0
        """Files read in this run."""
        self.known = 0
        """Files that a run before has read."""

    def __enter__(self) -> "PictureTaker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def by_name(self, name: str) -> Taken:
        """Begin to take the picture that the feed names."""
        try:
            return self._take(name, self._folder.by_name(name))
        except PictureRefused as refused:
            return Taken(name, None, _done(refused))

    def by_id(self, product_id: str) -> Taken | None:
        """Begin to take the picture named after a product, if there is one."""
        try:
            file = self._folder.by_id(product_id)
        except PictureRefused as refused:
            return Taken(product_id, None, _done(refused))
        return self._take(file.name, file) if file else None

    def outcome(self, taken: Taken) -> Outcome:
        """Wait for what became of a picture. Raises `OSError` where it could not be written."""
        outcome = taken.future.result()
        if taken.key and self._journal.find(taken.key) is None and outcome != _UNREADABLE:
            self._journal.put(taken.key, outcome)
        return outcome

    def _take(self, name: str, file: Path) -> Taken:
        try:
            key = key_of(file)
        except OSError:
            return Taken(name, None, _done(_UNREADABLE))
        if key not in self._begun:
            known = self._journal.find(key)
            if known and (isinstance(known, PictureRefused) or self._lies_there(known)):
                self.known += 1
                self._begun[key] = _done(known)
            else:
                self.read += 1
                self._begun[key] = self._pool.submit(self._add, file)
        return Taken(name, key, self._begun[key])

    def _lies_there(self, stored: StoredPicture) -> bool:
        return (self._output / stored.path).is_file()

    def _add(self, file: Path) -> Outcome:
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
        except OSError:
            return _UNREADABLE
        try:
            return self._store.add(content)
        except PictureRefused as refused:
            return refused


def _done(outcome: Outcome) -> "Future[Outcome]":
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future
