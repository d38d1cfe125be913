"""The image store in a folder.

    ROOT/ab/ab12….webp     pictures
    ROOT/trash/ab12….webp  pictures that nobody refers to, still found
    ROOT/incoming/         files being written

A file is written aside, synced and renamed, so a name always stands for a whole picture.
"""

import asyncio
import errno
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from retrieval.domain import Observe, PictureShelf, StoredPicture, ignore_observation
from retrieval.errors import DependencyExhausted, DependencyUnavailable
from retrieval.image_store.pictures import DEPENDENCY, MAX_STORED_BYTES, is_name
from retrieval.image_store.verified import ReportDamage, VerifiedImageStore, ignore_damage

T = TypeVar("T")
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
_ABANDONED_AFTER_S: Final = 3600.0
_SUFFIX: Final = ".webp"


class FolderImageStore(VerifiedImageStore):
    """The `ImageStore` and `PictureTrash` ports over a folder; several processes may share it.

    Args:
        root: The folder; made where it does not exist.
        executor: Threads for encoding, hashing and the disk.
        read_budget_s, write_budget_s, observe, report_damage: See `VerifiedImageStore`. A call
            that ran out of time leaves its thread at work until the disk answers.

    Raises:
        OSError: The folder cannot be made or read.
    """

    def __init__(
        self,
        root: Path,
        executor: Executor,
        *,
        read_budget_s: float = 1.0,
        write_budget_s: float = 10.0,
        observe: Observe = ignore_observation,
        report_damage: ReportDamage = ignore_damage,
    ) -> None:
        super().__init__(
            executor,
            read_budget_s=read_budget_s,
            write_budget_s=write_budget_s,
            observe=observe,
            report_damage=report_damage,
        )
        self._root = root
        self._disk = executor
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(self._incoming)

    async def _read(self, shelf: PictureShelf, sha256: str) -> bytes | None:
        def read() -> bytes | None:
            with suppress(FileNotFoundError), self._path(shelf, sha256).open("rb") as stream:
                return stream.read(MAX_STORED_BYTES)
            return None

        return await self._on_disk(read)

    async def _write(self, shelf: PictureShelf, sha256: str, content: bytes) -> None:
        await self._on_disk(lambda: self._place(self._path(shelf, sha256), content))

    async def _list(self, shelf: PictureShelf) -> AsyncIterator[Sequence[StoredPicture]]:
        for folder in await self._on_disk(lambda: self._folders(shelf)):
            yield await self._on_disk(lambda folder=folder: _pictures(folder))  # type: ignore[misc]

    async def _trash(self, sha256: str) -> None:
        def trash() -> None:
            path, target = self._paths(sha256)
            with suppress(FileNotFoundError):
                # In this order: a file in the trash that looked old would be removed too soon.
                os.utime(path)
                _make_folder(target.parent)
                path.rename(target)
                _sync_folder(target.parent)
                _sync_folder(path.parent)

        await self._on_disk(trash)

    async def _restore(self, sha256: str) -> None:
        def restore() -> None:
            path, target = self._paths(sha256)
            with suppress(FileNotFoundError):
                _make_folder(path.parent)
                target.rename(path)
                _sync_folder(path.parent)
                _sync_folder(target.parent)

        await self._on_disk(restore)

    async def _expunge(self, sha256: str, before_s: float) -> None:
        def expunge() -> None:
            _, path = self._paths(sha256)
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before_s:
                    path.unlink()

        await self._on_disk(expunge)

    async def _on_disk(self, work: Callable[[], T]) -> T:
        def translated() -> T:
            with _translated():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._disk, translated)

    def _place(self, path: Path, content: bytes) -> None:
        aside = self._incoming / uuid.uuid4().hex
        try:
            with aside.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            _make_folder(path.parent)
            aside.rename(path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def _folders(self, shelf: PictureShelf) -> list[Path]:
        if shelf is PictureShelf.TRASH:
            return [self._root / "trash"]
        return [path for path in self._root.iterdir() if len(path.name) == 2 and path.is_dir()]

    def _paths(self, sha256: str) -> tuple[Path, Path]:
        return self._path(PictureShelf.KEPT, sha256), self._path(PictureShelf.TRASH, sha256)

    def _path(self, shelf: PictureShelf, sha256: str) -> Path:
        folder = "trash" if shelf is PictureShelf.TRASH else sha256[:2]
        return self._root / folder / f"{sha256}{_SUFFIX}"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DependencyExhausted(dependency=DEPENDENCY) from error
        raise DependencyUnavailable(dependency=DEPENDENCY) from error


def _pictures(folder: Path) -> list[StoredPicture]:
    found = []
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.suffix == _SUFFIX and is_name(path.stem):
                with suppress(FileNotFoundError):  # moved meanwhile
                    found.append(StoredPicture(path.stem, path.stat().st_mtime))
    return found


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(incoming: Path) -> None:
    """Remove what a killed process left half written; others may be writing right now."""
    for path in incoming.iterdir():
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                path.unlink()
        except FileNotFoundError:
            continue  # Another process was quicker.
