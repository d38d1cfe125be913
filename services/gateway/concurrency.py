"""How many requests at once are too many: found by how long searches take, not set.

What is admitted beyond what can be worked on at a time only waits, and makes all others wait. The
time of searches tells when that is so (Little's law: with as many in flight as before, it grows in
the measure in which answers become fewer): the limit follows it down at once, and grows again step
by step while requests are refused and searches are quick (as Netflix's concurrency-limits does,
https://github.com/Netflix/concurrency-limits, and TCP before it).

Where the event loop itself is what is short, its lateness tells so sooner: then even a refusal
waits.
"""

import time
from collections import deque
from collections.abc import Callable, Collection
from statistics import median
from typing import Final

LEAST: Final = 4
"""Below it, waiting is not what takes time."""
START: Final = 64
"""More than that at once is no burst; if it is too many, two windows tell."""

PROMPT: Final = 16
"""The event loop's lateness alone takes the limit no lower."""

_WINDOW_S: Final = 0.5
_ENOUGH: Final = 8
"""Searches of a window that say something; with fewer it goes on."""
_MOST_CUT: Final = 0.6
_LATE_S: Final = 0.02
"""Lateness of the event loop that is too much, where more than a twentieth of the moments have it.
With half of it the limit no longer grows. It never takes the limit below `PROMPT`: fewer at once
make the loop no more prompt where others hold it up, and leave processors idle."""
_LATE_CUT: Final = 0.85
_MOMENTS: Final = 50
"""The last ones count, of a window that goes on."""
_FORGET: Final = 0.99


class Concurrency:
    """A limit between `LEAST` and ``most``.

    Args:
        most: the limit is never above it.
        target_s: half of the searches should take no longer. Where the work alone takes longer,
            as `LEAST` at a time show, twice that time.
        now: a clock in seconds.
    """

    def __init__(
        self, most: int, target_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._target_s, self._now = most, target_s, now
        self._limit = float(min(START, most))
        self._work_s = 0.0
        self._took_s: list[float] = []
        self._late_s: deque[float] = deque(maxlen=_MOMENTS)
        self._began_s = now()
        self._was_full = False

    @property
    def limit(self) -> int:
        """Requests that may be in flight."""
        return int(self._limit)

    def full(self) -> None:
        """A request found no place."""
        self._was_full = True

    def late(self, lag_s: float) -> None:
        """How late the event loop was at one of evenly spaced moments."""
        self._late_s.append(lag_s)

    def took(self, seconds: float) -> None:
        """A search has ended, answered or out of time."""
        self._took_s.append(seconds)
        now_s = self._now()
        if now_s - self._began_s >= _WINDOW_S and len(self._took_s) >= _ENOUGH:
            self._follow(median(self._took_s), _twentieth(self._late_s))
            self._took_s.clear()
            self._late_s.clear()
            self._began_s, self._was_full = now_s, False

    def _follow(self, typical_s: float, late_s: float) -> None:
        if self._limit <= LEAST:
            self._work_s = typical_s
        else:
            self._work_s *= _FORGET
        target_s = max(self._target_s, 2 * self._work_s)
        if typical_s > target_s:
            self._limit *= max(_MOST_CUT, target_s / typical_s)
        elif self._was_full and late_s > _LATE_S and self._limit > PROMPT:
            self._limit = max(self._limit * _LATE_CUT, PROMPT)
        elif self._was_full and (late_s < _LATE_S / 2 or self._limit < PROMPT):
            self._limit += max(1.0, self._limit / (4 if typical_s < target_s / 2 else 16))
        self._limit = min(max(self._limit, LEAST, 1), self._most)


def _twentieth(values: Collection[float]) -> float:
    """What a twentieth of the values reach or are over; 0 for none."""
    return sorted(values)[-1 - len(values) // 20] if values else 0.0
