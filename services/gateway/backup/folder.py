"""Where backups lie, and how a file or a backup comes to be there whole or not at all."""

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.backup.failures import BackupRefused
from retrieval.image_store.pictures import is_name

_NAME: Final = re.compile(r"\d{8}T\d{6}Z")


class SavedPictures:
    """The pictures of all backups of a folder.

    A picture gets its name when all of it is on the disk, so what is there is whole, unless the
    disk spoilt it since. Every method blocks.

    Args:
        root: their folder.
        incoming: on the same file system.
    """

    def __init__(self, root: Path, incoming: Path) -> None:
        self._root = root
        self._incoming = incoming
        self._touched: set[Path] = set()

    def path(self, sha256: str) -> Path:
        """Where a picture lies. Raises ValueError for what is no picture's name."""
        if not is_name(sha256):
            raise ValueError("not the name of a picture")
        return self._root / sha256[:2] / f"{sha256}.webp"

    def has(self, sha256: str) -> bool:
        """Whether it is there."""
        return self.path(sha256).exists()

    def read(self, sha256: str) -> bytes:
        """The file. Raises OSError."""
        return self.path(sha256).read_bytes()

    def write(self, sha256: str, content: bytes) -> None:
        """Place a file; `sync` makes its name outlive a power cut. Raises OSError."""
        path, aside = self.path(sha256), self._incoming / uuid.uuid4().hex
        write_synced(aside, content)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(path)
        self._touched.add(path.parent)

    def names(self) -> Iterator[str]:
        """All that are there."""
        for path in self._root.glob("??/*.webp"):
            if is_name(path.stem):
                yield path.stem

    def remove(self, sha256: str) -> None:
        """Take a picture away."""
        self.path(sha256).unlink()

    def sync(self) -> None:
        """Make what was written outlive a power cut. Raises OSError."""
        for folder in (*self._touched, *({self._root} if self._touched else ())):
            sync_folder(folder)
        self._touched.clear()


class BackupFolder:
    """A folder of backups. Every method blocks, and raises OSError where the disk fails."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._backups = root / "backups"
        self._incoming = root / "incoming"
        self.pictures = SavedPictures(root / "pictures", self._incoming)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the one that writes here; what a killed one left half written goes.

        Raises:
            BackupRefused: another backup is being written.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as lock:
            try:
                # Let go by the kernel, however this process ends.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupRefused(f"another backup is being written to {self.root}") from None
            shutil.rmtree(self._incoming, ignore_errors=True)
            for folder in (self._backups, self._incoming):
                folder.mkdir(exist_ok=True)
            yield

    def begin(self, name: str) -> Path:
        """An empty folder for a backup that is not there yet."""
        draft = self._incoming / name
        draft.mkdir()
        return draft

    def publish(self, name: str) -> None:
        """Make what was begun a backup, in one step and durably."""
        self.pictures.sync()
        draft, place = self._incoming / name, self._backups / name
        sync_folder(draft)
        draft.rename(place)
        for folder in (self._incoming, self._backups, self.root):
            sync_folder(folder)

    def remove(self, name: str) -> None:
        """Take a backup away, in one step; its pictures stay."""
        going = self._incoming / uuid.uuid4().hex
        self.path(name).rename(going)
        sync_folder(self._backups)
        shutil.rmtree(going)

    def names(self) -> list[str]:
        """The backups, oldest first."""
        if not self._backups.is_dir():
            return []
        return sorted(path.name for path in self._backups.iterdir() if _NAME.fullmatch(path.name))

    def path(self, name: str) -> Path:
        """The folder of a backup."""
        return self._backups / name


def write_synced(path: Path, *pieces: bytes | memoryview) -> None:
    """Write a new file and wait for the disk."""
    with path.open("xb") as stream:
        stream.writelines(pieces)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names inside a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
