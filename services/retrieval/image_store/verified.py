"""What holds for every image store, wherever its bytes lie.

Each call has a deadline and is counted. A picture is checked against its name whenever it is
read: one that is damaged is reported and counted, and then it is as if it were not there.

Pictures that nobody refers to go in two steps. First they are set aside into a trash, where they
are still found, and only much later they are removed for good. So an import that was just being
made, and that found its picture there, loses nothing: `gateway/picture_collection.py` has the
whole argument. A picture is written anew unless it lies outside the trash; that argument stands
on it.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from retrieval.domain import Deadline, Observe, PictureShelf, StoredPicture, ignore_observation
from retrieval.errors import DependencyTimeout, RecomposeError
from retrieval.image_store.pictures import (
    DEPENDENCY,
    content_sha256,
    encode_stored,
    holds,
    is_name,
)
from retrieval.retry_budget import RetryBudget

T = TypeVar("T")
ReportDamage = Callable[[str], None]
"""Told the name of a picture whose file is not that picture."""


def ignore_damage(sha256: str) -> None:
    """The report of callers that keep none."""


@dataclass(slots=True)
class _Outcome:
    word: str = "ok"


class VerifiedImageStore(ABC):
    """The `ImageStore`, `PictureFiles` and `PictureTrash` ports over a place for bytes.

    A place implements the methods at the end. They raise `DependencyError` and may take as long
    as they like: their time is bounded here.

    Args:
        executor: Threads for hashing, encoding and decoding.
        read_budget_s: Time in seconds for reading and checking a picture.
        write_budget_s: Time in seconds for any other call.
        observe: Told of each call: `ok`, `missing`, `damaged`, `unavailable`, `timeout`,
            `exhausted`, `broken`, `cancelled`.
        report_damage: Told which picture is damaged.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        read_budget_s: float = 1.0,
        write_budget_s: float = 10.0,
        observe: Observe = ignore_observation,
        report_damage: ReportDamage = ignore_damage,
    ) -> None:
        self._executor = executor
        self._read_budget_s = read_budget_s
        self._write_budget_s = write_budget_s
        self._observe = observe
        self._report_damage = report_damage
        self._retries = RetryBudget()

    # --- pictures -----------------------------------------------------------------------------

    async def put(self, image: Image.Image, deadline: Deadline) -> str:
        """Keep an 8-bit RGB picture durably; returns the sha256 (hex) that names it.

        A picture that is there and whole is not written again; a damaged one is replaced.
        Raises ValueError for another mode, `DependencyExhausted` when the store is full and
        `DependencyUnavailable` or `DependencyTimeout` when it cannot be written.
        """
        deadline = deadline.capped(self._write_budget_s)
        sha256 = await self._worked(deadline, content_sha256, image)
        if await self._whole(PictureShelf.KEPT, sha256, deadline) is None:
            content = await self._worked(deadline, encode_stored, image)
            async with self._call(deadline):
                await self._write(PictureShelf.KEPT, sha256, content)
        return sha256

    async def put_file(self, sha256: str, content: bytes, deadline: Deadline) -> None:
        """Keep a file that `get` of another store gave, durably and as it is.

        A picture that is there and whole stays as it is. Raises ValueError where the file is not
        the picture of that name, and what `put` raises.
        """
        deadline = deadline.capped(self._write_budget_s)
        if not is_name(sha256) or not await self._worked(deadline, holds, content, sha256):
            raise ValueError("the file is not the picture of that name")
        if await self._whole(PictureShelf.KEPT, sha256, deadline) is None:
            async with self._call(deadline):
                await self._write(PictureShelf.KEPT, sha256, content)

    async def get(self, sha256: str, deadline: Deadline) -> bytes | None:
        """The WebP file of a picture, or None where there is no such picture that is whole.

        Raises `DependencyUnavailable` or `DependencyTimeout` when the store cannot be read.
        """
        if not is_name(sha256):
            return None
        deadline = deadline.capped(self._read_budget_s)
        return await self._retries.twice(lambda: self._found(sha256, deadline), deadline)

    async def _found(self, sha256: str, deadline: Deadline) -> bytes | None:
        content = await self._whole(PictureShelf.KEPT, sha256, deadline)
        if content is None:
            content = await self._whole(PictureShelf.TRASH, sha256, deadline)
        return content

    async def _whole(self, shelf: PictureShelf, sha256: str, deadline: Deadline) -> bytes | None:
        async with self._call(deadline) as outcome:
            content = await self._read(shelf, sha256)
            if content is None:
                outcome.word = "missing"
            elif not await self._in_thread(holds, content, sha256):
                outcome.word = "damaged"
                content = None
                self._report_damage(sha256)
        return content

    # --- the trash ----------------------------------------------------------------------------

    async def pictures(
        self, shelf: PictureShelf, deadline: Deadline
    ) -> AsyncIterator[StoredPicture]:
        """All pictures of a shelf, in no order; what is no picture of ours is left out."""
        parts = self._list(shelf)
        while True:
            async with self._call(deadline.capped(self._write_budget_s)):
                part = await anext(parts, None)
            if part is None:
                return
            for picture in part:
                yield picture

    async def trash(self, sha256: str, deadline: Deadline) -> None:
        """Set a picture aside, from now on counted by its age in the trash; `get` finds it."""
        async with self._call(deadline.capped(self._write_budget_s)):
            await self._trash(sha256)

    async def restore(self, sha256: str, deadline: Deadline) -> None:
        """Take a picture back from the trash."""
        async with self._call(deadline.capped(self._write_budget_s)):
            await self._restore(sha256)

    async def expunge(self, sha256: str, before_s: float, deadline: Deadline) -> None:
        """Remove a picture of the trash for good, unless it came there after ``before_s``."""
        async with self._call(deadline.capped(self._write_budget_s)):
            await self._expunge(sha256, before_s)

    # --- time and counting --------------------------------------------------------------------

    @asynccontextmanager
    async def _call(self, deadline: Deadline) -> AsyncIterator[_Outcome]:
        with self._counted() as outcome:
            if deadline.remaining_s() <= 0:
                raise DependencyTimeout(dependency=DEPENDENCY)
            try:
                async with asyncio.timeout(deadline.remaining_s()):
                    yield outcome
            except TimeoutError:
                raise DependencyTimeout(dependency=DEPENDENCY) from None

    @contextmanager
    def _counted(self) -> Iterator[_Outcome]:
        started, outcome = time.monotonic(), _Outcome()
        try:
            yield outcome
        except RecomposeError as error:
            outcome.word = error.kind.value
            raise
        except BaseException:
            outcome.word = "cancelled"
            raise
        finally:
            self._observe(DEPENDENCY, outcome.word, time.monotonic() - started)

    async def _worked(self, deadline: Deadline, work: Callable[..., T], *arguments: object) -> T:
        """Work on a thread; the line before the threads is part of the time it has."""
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await self._in_thread(work, *arguments)
        except TimeoutError:
            raise DependencyTimeout(dependency=DEPENDENCY) from None

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    # --- what a place does --------------------------------------------------------------------

    @abstractmethod
    async def _read(self, shelf: PictureShelf, sha256: str) -> bytes | None:
        """The file of that name, or None."""

    @abstractmethod
    async def _write(self, shelf: PictureShelf, sha256: str, content: bytes) -> None:
        """Write a file durably and in one step, over one that is there."""

    @abstractmethod
    def _list(self, shelf: PictureShelf) -> AsyncIterator[Sequence[StoredPicture]]:
        """The pictures of a shelf, part by part."""

    @abstractmethod
    async def _trash(self, sha256: str) -> None:
        """Move a file into the trash, as one that changed now; a missing one is no error."""

    @abstractmethod
    async def _restore(self, sha256: str) -> None:
        """Move a file back; a missing one is no error."""

    @abstractmethod
    async def _expunge(self, sha256: str, before_s: float) -> None:
        """Remove a file of the trash that changed before; a missing one is no error."""
