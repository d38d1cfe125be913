"""The ports of the image store in memory, for tests of what uses one."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

from PIL import Image

from retrieval.domain import Deadline, PictureShelf, StoredPicture
from retrieval.errors import DependencyTimeout, RecomposeError
from retrieval.image_store.pictures import content_sha256, encode_stored, holds


class MemoryImageStore:
    """A store that is only a dictionary; held to the same cases as the real ones.

    Attributes:
        shelves: for each shelf, the file and the age (seconds since 1970) of each name.
        failure: raised by every call, where set.
        damaged: the names that were found damaged.
        pause: awaited in the midst of each change, where others may come in between.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.pause: Callable[[], Awaitable[None]] = _go_on
        self.shelves: dict[PictureShelf, dict[str, tuple[bytes, float]]] = {
            shelf: {} for shelf in PictureShelf
        }
        self.failure: RecomposeError | None = None
        self.damaged: list[str] = []

    async def put(self, image: Image.Image, deadline: Deadline) -> str:
        self._begin(deadline)
        sha256 = content_sha256(image)
        if self._whole(PictureShelf.KEPT, sha256) is None:
            self.shelves[PictureShelf.KEPT][sha256] = (encode_stored(image), self._now())
        return sha256

    async def put_file(self, sha256: str, content: bytes, deadline: Deadline) -> None:
        self._begin(deadline)
        if not holds(content, sha256):
            raise ValueError("the file is not the picture of that name")
        if self._whole(PictureShelf.KEPT, sha256) is None:
            self.shelves[PictureShelf.KEPT][sha256] = (content, self._now())

    async def get(self, sha256: str, deadline: Deadline) -> bytes | None:
        self._begin(deadline)
        return self._whole(PictureShelf.KEPT, sha256) or self._whole(PictureShelf.TRASH, sha256)

    async def pictures(
        self, shelf: PictureShelf, deadline: Deadline
    ) -> AsyncIterator[StoredPicture]:
        self._begin(deadline)
        for sha256, (_, changed_at_s) in list(self.shelves[shelf].items()):
            await self.pause()
            yield StoredPicture(sha256, changed_at_s)

    async def trash(self, sha256: str, deadline: Deadline) -> None:
        await self._move(PictureShelf.KEPT, PictureShelf.TRASH, sha256, deadline)

    async def restore(self, sha256: str, deadline: Deadline) -> None:
        await self._move(PictureShelf.TRASH, PictureShelf.KEPT, sha256, deadline)

    async def expunge(self, sha256: str, before_s: float, deadline: Deadline) -> None:
        self._begin(deadline)
        await self.pause()
        trash = self.shelves[PictureShelf.TRASH]
        if sha256 in trash and trash[sha256][1] < before_s:
            del trash[sha256]

    async def _move(
        self, source: PictureShelf, target: PictureShelf, sha256: str, deadline: Deadline
    ) -> None:
        self._begin(deadline)
        await self.pause()
        if found := self.shelves[source].get(sha256):
            self.shelves[target][sha256] = (found[0], self._now())
            await self.pause()
            self.shelves[source].pop(sha256, None)

    def _whole(self, shelf: PictureShelf, sha256: str) -> bytes | None:
        content, _ = self.shelves[shelf].get(sha256, (None, 0.0))
        if content is not None and not holds(content, sha256):
            self.damaged.append(sha256)
            return None
        return content

    def _begin(self, deadline: Deadline) -> None:
        if deadline.remaining_s() <= 0:
            raise DependencyTimeout(dependency="image_store")
        if self.failure is not None:
            raise self.failure


async def _go_on() -> None:
    pass
