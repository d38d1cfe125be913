"""Pictures of one import on their way to the encoder: batches, while others are still decoded."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final

import numpy as np

from retrieval.domain import F32Array

Encode = Callable[[F32Array], Awaitable[F32Array]]
"""``pixel_values`` [B, 3, S, S] float32 to tokens [B, K, D] float32."""
_BATCHES_OF_ROOM: Final = 2


class GalleryBatches:
    """Gathers prepared pictures and sends a batch as soon as it is full, or as nothing more comes.

    Each product of the import has a place here, whatever becomes of it: the last batch goes when
    no place is left that could still bring a picture. A picture also needs room before it is
    prepared, and has it until its tokens are there. So at most two full batches lie in memory, and
    while one batch is with the encoder the next one is decoded.

    Args:
        encode: embeds a batch.
        size: pictures of a full batch as of now.
        ceiling: how many that is at most.
        products: how many places there will be.
    """

    def __init__(
        self, encode: Encode, size: Callable[[], int], *, ceiling: int, products: int
    ) -> None:
        self._encode = encode
        self._size = size
        self._coming = products
        self._room = asyncio.Semaphore(_BATCHES_OF_ROOM * ceiling)
        self._gathered: list[tuple[F32Array, asyncio.Future[F32Array]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "GalleryBatches":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._under_way:  # only where the import was given up
            task.cancel()

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """The place of one product."""
        place = Place(self)
        try:
            yield place
        finally:
            place.leave()

    async def enter(self) -> None:
        """Wait for room for one picture."""
        await self._room.acquire()

    def leave(self) -> None:
        """Give the room for one picture back."""
        self._room.release()

    def add(self, pixels: F32Array) -> "asyncio.Future[F32Array]":
        """Take a picture [3, S, S] in; its tokens [K, D] will be there later."""
        future: asyncio.Future[F32Array] = asyncio.get_running_loop().create_future()
        self._gathered.append((pixels, future))
        self.came()
        return future

    def came(self) -> None:
        """One product less is awaited."""
        self._coming -= 1
        if len(self._gathered) >= self._size() or self._coming == 0:
            self._send()

    def _send(self) -> None:
        wanted = [(pixels, future) for pixels, future in self._gathered if not future.done()]
        self._gathered = []
        size = self._size()
        for start in range(0, len(wanted), size):
            task = asyncio.create_task(self._embed(wanted[start : start + size]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _embed(self, batch: list[tuple[F32Array, "asyncio.Future[F32Array]"]]) -> None:
        try:
            found = await self._encode(np.stack([pixels for pixels, _ in batch]))
            told = list(zip(batch, found, strict=True))
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits for the tokens is told
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), tokens in told:
            if not future.done():
                future.set_result(tokens)


class Place:
    """Where one product of an import stands: it brings a picture, or none."""

    def __init__(self, batches: GalleryBatches) -> None:
        self._batches = batches
        self._entered = False
        self._tokens: asyncio.Future[F32Array] | None = None

    async def enter(self) -> None:
        """Wait until there is room for the picture; before it is prepared, once."""
        await self._batches.enter()
        self._entered = True

    def embed(self, pixels: F32Array) -> "asyncio.Future[F32Array]":
        """Have a picture [3, S, S] embedded; its tokens [K, D] come, or what `encode` raised."""
        self._tokens = self._batches.add(pixels)
        return self._tokens

    def leave(self) -> None:
        """Nothing more is wanted."""
        if self._tokens is None:
            self._batches.came()
        elif not self._tokens.done():
            self._tokens.cancel()
        elif not self._tokens.cancelled():
            self._tokens.exception()  # the product may have failed for another reason
        if self._entered:
            self._batches.leave()
