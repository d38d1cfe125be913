"""How many requests are worked on at once; the rest are refused before any work."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from retrieval.errors import (
    DeadlineExceeded,
    Overloaded,
    Reason,
    ServiceUnavailable,
)


class Limit(Protocol):
    """How many may be worked on at once; `gateway.concurrency` has one that learns."""

    @property
    def limit(self) -> int: ...

    def full(self) -> None:
        """A request found no place."""

    def took(self, seconds: float) -> None:
        """A search has ended, answered or out of time."""


class FixedLimit:
    """A limit that stays."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def full(self) -> None:
        """Changes nothing."""

    def took(self, seconds: float) -> None:
        """Changes nothing."""


@dataclass(slots=True)
class SearchPlace:
    """The place of one search."""

    apart_s: float = 0.0
    """Seconds that say nothing of how many searches are too many: those of a second stage, which
    has a line of its own. One that hangs must not keep out those who ask for none."""


class Admission:
    """A bounded count of requests in progress.

    A refusal costs next to nothing: nothing was parsed, decoded or queued for it.
    """

    def __init__(self, limit: Limit, pressed: Callable[[], bool] = lambda: False) -> None:
        """Admit at most ``limit`` requests at once, and one while the process is ``pressed``:
        nothing would change for the better where none is worked on."""
        self._limit = limit
        self._pressed = pressed
        self._in_flight = 0
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Requests being worked on now."""
        return self._in_flight

    def close(self) -> None:
        """Admit nothing more; what is in flight goes on."""
        self._closed = True

    @property
    def limit(self) -> int:
        """Requests that are worked on at once at most, as things are."""
        return self._limit.limit

    def check(self) -> None:
        """Raises as `permit` does, where there is no place now: before anything else is done for
        a request that will need one."""
        if self._closed:
            raise ServiceUnavailable(Reason.SHUTTING_DOWN, retry_after_s=1.0)
        if self._in_flight >= self._limit.limit:
            self._limit.full()
            raise Overloaded()
        if self._in_flight and self._pressed():
            raise Overloaded()

    @contextmanager
    def permit(self) -> Iterator[None]:
        """Hold a place while the block runs. Raises Overloaded, or ServiceUnavailable once the
        gateway is shutting down."""
        self.check()
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    @contextmanager
    def search_permit(self) -> Iterator[SearchPlace]:
        """As `permit`, for a search: how long those take decides how many are let in. What callers
        have done wrong, or given up, says nothing of that, nor does a part that hangs: fewer at
        once would keep out those whom the cache can answer."""
        with self.permit():
            began_s, place = time.monotonic(), SearchPlace()
            try:
                yield place
            except DeadlineExceeded:
                self._limit.took(time.monotonic() - began_s)
                raise
            self._limit.took(time.monotonic() - began_s - place.apart_s)
