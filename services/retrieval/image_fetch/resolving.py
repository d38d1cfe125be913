"""Names to addresses, by the system's resolver, on a few threads of its own."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, Final

from retrieval.image_fetch.addresses import Address

Resolve = Callable[[str], Awaitable[Sequence[Address]]]
"""All addresses of a canonical name. Raises OSError where there are none."""

Lookup = Callable[..., list[Any]]
"""`socket.getaddrinfo`, or what stands for it."""

_THREADS: Final = 8


class SystemResolver:
    """Looks names up, at most a few at a time; the rest wait in line.

    A look-up cannot be stopped: one that its caller gave up keeps its place until it ends, so that
    a resolver which hangs takes these threads and no others.
    """

    def __init__(self, *, threads: int = _THREADS, lookup: Lookup = socket.getaddrinfo) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="image-host-names")
        self._places = asyncio.Semaphore(threads)
        self._lookup = lookup

    async def __call__(self, name: str) -> list[Address]:
        """All addresses of a name, in the order to try them. Raises OSError.

        The name is looked up as an absolute one: a cluster's search domains are no part of it.
        """
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        future = self._pool.submit(
            self._lookup, f"{name}.", None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._places.release))
        found = await asyncio.wrap_future(future)
        return [ip_address(place[0]) for _, _, _, _, place in found]

    def close(self) -> None:
        """Take no more; what is being looked up ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
