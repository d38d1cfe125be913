"""Image stores of each kind for a test, and a hand at what lies in them."""

import os
import shutil
import time
from abc import ABC, abstractmethod
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from retrieval.domain import Deadline, PictureShelf
from retrieval.image_store import FolderImageStore
from retrieval.image_store.s3 import S3ImageStore
from retrieval.image_store.verified import VerifiedImageStore
from tests.support.fake_image_store import MemoryImageStore
from tests.support.s3 import BUCKET, SEEN_AFTER_S, S3Server

KINDS = ("memory", "folder", "s3")
Store = MemoryImageStore | VerifiedImageStore


def soon() -> Deadline:
    return Deadline.after(20)


@dataclass
class Seen:
    """What a store told of itself: outcomes of calls, and names of damaged pictures."""

    outcomes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def observe(self, dependency: str, outcome: str, seconds: float) -> None:
        assert dependency == "image_store"
        assert seconds >= 0
        self.outcomes.append(outcome)


class Place(ABC):
    """A store, and what only a test may do: to age, to damage, to look."""

    store: Store

    @abstractmethod
    def age(self, shelf: PictureShelf, sha256: str, by_s: float) -> None:
        """Make a picture that much older."""

    @abstractmethod
    def spoil(self, sha256: str, content: bytes) -> None:
        """Put other bytes under a kept picture's name."""

    @abstractmethod
    def names(self, shelf: PictureShelf) -> set[str]:
        """What really lies there."""

    @property
    @abstractmethod
    def damaged(self) -> list[str]:
        """What the store reported."""


class MemoryPlace(Place):
    def __init__(self) -> None:
        self.store: MemoryImageStore = MemoryImageStore()

    def age(self, shelf: PictureShelf, sha256: str, by_s: float) -> None:
        content, changed_at_s = self.store.shelves[shelf][sha256]
        self.store.shelves[shelf][sha256] = (content, changed_at_s - by_s)

    def spoil(self, sha256: str, content: bytes) -> None:
        self.store.shelves[PictureShelf.KEPT][sha256] = (content, time.time())

    def names(self, shelf: PictureShelf) -> set[str]:
        return set(self.store.shelves[shelf])

    @property
    def damaged(self) -> list[str]:
        return self.store.damaged


class FilePlace(Place):
    """A folder, or a bucket whose server keeps it as a folder."""

    def __init__(
        self, store: VerifiedImageStore, root: Path, seen: Seen, settle_s: float = 0.0
    ) -> None:
        """`settle_s` is how long the server may not see what was done behind its back."""
        self.store: VerifiedImageStore = store
        self.root = root
        self.seen = seen
        self.settle_s = settle_s

    def age(self, shelf: PictureShelf, sha256: str, by_s: float) -> None:
        path = self.path(shelf, sha256)
        changed_at_s = path.stat().st_mtime - by_s
        os.utime(path, (changed_at_s, changed_at_s))
        time.sleep(self.settle_s)

    def spoil(self, sha256: str, content: bytes) -> None:
        self.path(PictureShelf.KEPT, sha256).write_bytes(content)
        time.sleep(self.settle_s)

    def names(self, shelf: PictureShelf) -> set[str]:
        pattern = "trash/*.webp" if shelf is PictureShelf.TRASH else "??/*.webp"
        return {path.stem for path in self.root.glob(pattern)}

    @property
    def damaged(self) -> list[str]:
        return self.seen.damaged

    def path(self, shelf: PictureShelf, sha256: str) -> Path:
        folder = "trash" if shelf is PictureShelf.TRASH else sha256[:2]
        return self.root / folder / f"{sha256}.webp"


def folder_place(root: Path, executor: Executor) -> FilePlace:
    """A store in a folder."""
    seen = Seen()
    store = FolderImageStore(
        root,
        executor,
        read_budget_s=10,
        observe=seen.observe,
        report_damage=seen.damaged.append,
    )
    return FilePlace(store, root, seen)


def s3_place(
    server: S3Server,
    executor: Executor,
    environment: pytest.MonkeyPatch,
    *,
    bucket: str = BUCKET,
    port: int | None = None,
    read_budget_s: float = 10,
) -> FilePlace:
    """A store in an empty prefix of a bucket; through ``port`` where given."""
    for name, value in server.credentials.items():
        environment.setenv(name, value)
    seen, root = Seen(), server.bucket / "pictures" / "of-a-shop"
    shutil.rmtree(server.bucket / "pictures", ignore_errors=True)
    store = S3ImageStore(
        f"s3://{bucket}/pictures/of-a-shop",
        executor,
        endpoint=server.endpoint if port is None else f"http://127.0.0.1:{port}",
        read_budget_s=read_budget_s,
        observe=seen.observe,
        report_damage=seen.damaged.append,
    )
    return FilePlace(store, root, seen, settle_s=SEEN_AFTER_S)
