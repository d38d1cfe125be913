"""Picture work off the event loop, on a few threads with a bounded line before them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from PIL import Image

from retrieval.bundle import Bundle
from retrieval.domain import Deadline, F32Array
from retrieval.errors import DeadlineExceeded
from retrieval.image_store import decode_stored
from retrieval.preprocess.targetpad import targetpad
from retrieval.preprocess.upload import normalise_upload

T = TypeVar("T")


class PictureWorkshop:
    """Decodes and prepares pictures: at most ``workers`` at a time, the rest wait in line.

    A caller that gives up frees its place in the line at once; a decode that has begun runs to
    its end (a thread cannot be stopped) and keeps its place until then, so that abandoned work
    cannot pile up.
    """

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="pictures")
        self._places = asyncio.Semaphore(workers)

    async def upload_pixels(self, content: bytes, bundle: Bundle, deadline: Deadline) -> F32Array:
        """``pixel_values`` [3, S, S] float32 of an upload."""
        return await self._run(lambda: to_pixels(normalise_upload(content), bundle), deadline)

    async def stored_pixels(self, content: bytes, bundle: Bundle, deadline: Deadline) -> F32Array:
        """``pixel_values`` [3, S, S] float32 of a picture that the image store gave."""
        return await self._run(lambda: to_pixels(decode_stored(content), bundle), deadline)

    async def prepared(
        self, content: bytes, bundle: Bundle, deadline: Deadline
    ) -> tuple[Image.Image, F32Array]:
        """An upload as 8-bit RGB, and its ``pixel_values`` [3, S, S] float32, for who needs both.

        Raises the errors of `normalise_upload`.
        """
        return await self._run(lambda: _prepared(content, bundle), deadline)

    async def _run(self, work: Callable[[], T], deadline: Deadline) -> T:
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                await self._places.acquire()
                future = self._pool.submit(work)
                future.add_done_callback(self._release_from(asyncio.get_running_loop()))
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise DeadlineExceeded from None

    def _release_from(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        def release(_: object) -> None:
            loop.call_soon_threadsafe(self._places.release)

        return release

    def close(self) -> None:
        """Let running work end and take no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def to_pixels(image: Image.Image, bundle: Bundle) -> F32Array:
    """``pixel_values`` [3, S, S] float32, as the bundle's rules say."""
    return targetpad(image, size=bundle.sizes.image_size, ratio=bundle.preprocess.target_ratio)


def _prepared(content: bytes, bundle: Bundle) -> tuple[Image.Image, F32Array]:
    image = normalise_upload(content)
    return image, to_pixels(image, bundle)
