"""One call at a time: the queue before the engine.

The engine keeps the interpreter's lock through each call, so a second call would wait for it all
the same, and in no order. Here calls take turns in the order they came. Writes can be held back
for a while, without the reads behind them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class _Ticket:
    """A place in the queue; its turn has come once it is `called`."""

    def __init__(self, *, write: bool) -> None:
        self.write = write
        self.called = threading.Event()


class Turn:
    """First come, first served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._holding = False
        self._waiting: deque[_Ticket] = deque()
        self._held: deque[_Ticket] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn, held writes among them."""
        return len(self._waiting) + len(self._held)

    @contextmanager
    def taken(self, *, write: bool = False) -> Iterator[float]:
        """Wait for a turn and have it for the block; yields the seconds waited."""
        start = time.perf_counter()
        ticket = _Ticket(write=write)
        with self._lock:
            self._waiting.append(ticket)
            self._call_next()
        ticket.called.wait()
        try:
            yield time.perf_counter() - start
        finally:
            with self._lock:
                self._busy = False
                self._call_next()

    def hold_writes(self) -> None:
        """Let no write have a turn from now on; one that has it keeps it."""
        with self._lock:
            self._holding = True

    def release_writes(self) -> None:
        """Let the held writes go next, in the order they came."""
        with self._lock:
            self._holding = False
            self._waiting.extendleft(reversed(self._held))
            self._held.clear()
            self._call_next()

    def _call_next(self) -> None:
        while self._waiting and not self._busy:
            ticket = self._waiting.popleft()
            if ticket.write and self._holding:
                self._held.append(ticket)
            else:
                self._busy = True
                ticket.called.set()
