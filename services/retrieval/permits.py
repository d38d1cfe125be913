"""Bounds on the calls in flight, with a bounded line before them, and on the bytes in memory."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.domain import Deadline
from retrieval.errors import DependencyExhausted, DependencyTimeout, Overloaded


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


class ByteBudget:
    """How many bytes that callers made us take are in memory at once, on all ways together."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._taken_bytes = 0

    @property
    def taken_bytes(self) -> int:
        """Bytes that count as in memory now."""
        return self._taken_bytes

    @contextmanager
    def holding(self) -> Iterator["HeldBytes"]:
        """An account of one caller's; what is left on it is given back when the block ends."""
        held = HeldBytes(self)
        try:
            yield held
        finally:
            held.give_back(held.count)

    def change(self, by_bytes: int) -> None:
        """Count more or fewer bytes. Raises `Overloaded` where that would be too many."""
        if by_bytes > 0 and self._taken_bytes + by_bytes > self._limit_bytes:
            raise Overloaded()
        self._taken_bytes += by_bytes


class HeldBytes:
    """What one caller holds of a `ByteBudget`."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.count = 0

    def take(self, count: int) -> None:
        """Count so many bytes more. Raises `Overloaded`, and counts none, where too many are in
        memory already."""
        self._budget.change(count)
        self.count += count

    def give_back(self, count: int) -> None:
        """Count so many bytes fewer."""
        self._budget.change(-count)
        self.count -= count


class ByteRoom:
    """Room for so many bytes in memory at once. Who finds too little waits: first come, first in.

    Unlike `ByteBudget`, which refuses what came without asking, this is for work of our own that
    can wait. The line has no bound of its own: who waits in it has been admitted, and has a time.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = self._free_bytes = limit_bytes
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, count: int) -> Callable[[], None]:
        """Wait for room for so many bytes; what is larger than all of it goes in alone.

        Returns what gives the room back, once, however often it is called.
        """
        count = min(count, self._limit_bytes)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((count, turn))
        self._let_in()
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self._free_bytes += count
                self._let_in()

        if not turn.done():
            try:
                await turn
            except asyncio.CancelledError:
                if turn.cancelled():
                    self._let_in()  # those behind it
                else:
                    give_back()  # its turn came just before
                raise
        return give_back

    def _let_in(self) -> None:
        while self._line:
            count, turn = self._line[0]
            if not turn.cancelled():
                if count > self._free_bytes:
                    return
                self._free_bytes -= count
                turn.set_result(None)
            self._line.popleft()
