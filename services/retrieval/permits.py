"""A bound on the calls in flight, with a bounded line of those that wait for one to end."""

import asyncio

from retrieval.domain import Deadline
from retrieval.errors import DependencyExhausted, DependencyTimeout


class Permits:
    """At most ``in_flight`` callers inside, at most ``waiting`` at the door.

    An asynchronous client queues without bound, so a slow dependency would fill this process's
    memory with requests whose callers have long gone. Here the line is short and turns away at
    once: an early refusal costs the caller nothing and the dependency less.
    """

    def __init__(self, dependency: str, *, in_flight: int, waiting: int) -> None:
        self._dependency = dependency
        self._free = asyncio.Semaphore(in_flight)
        self._places = waiting
        self._waiting = 0

    async def acquire(self, deadline: Deadline) -> None:
        """Take a permit; whoever took one gives it back with `release`.

        Raises `DependencyExhausted` at once when the line is full, and `DependencyTimeout` when
        the deadline passes in the line.
        """
        if not self._free.locked():
            await self._free.acquire()  # a free permit is taken without a switch of tasks
            return
        if self._waiting >= self._places:
            raise DependencyExhausted(dependency=self._dependency, retry_after_s=1.0)
        self._waiting += 1
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                await self._free.acquire()
        except TimeoutError:
            raise DependencyTimeout(dependency=self._dependency) from None
        finally:
            self._waiting -= 1

    def release(self) -> None:
        """Give a permit back; the first in the line goes in."""
        self._free.release()
