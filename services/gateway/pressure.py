"""Whether this process should take more work: how late its event loop is, and its memory.

What is refused is refused by `Admission`. Lateness counts once it lasts: the least of the last few
measurements is what a queue that never empties adds, where one late measurement is a single long
step (the same thought as CoDel's, RFC 8289, 3.2).

What is told of lateness is finer: moments 20 ms apart, each with how much later the loop came to
it. A step of a second is fifty moments, as work that came at any of them would have waited.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

_INTERVAL_S: Final = 0.1
_MOMENT_S: Final = 0.02
_MOST_MOMENTS: Final = 500
"""Told at once: after a process was stopped for long, more would only hold it up again."""
_LASTING: Final = 3
_MEMORY_SHARE: Final = 0.85
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
# Of the second version and of the first; a container sees its own.
_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


class Pressure:
    """Watches the running event loop and this process's resident memory.

    Args:
        max_lag_s: lateness of the loop that is too much if it lasts, in seconds.
        memory_limit_bytes: what this process may have; None for no bound.
        observe_lag: told of each moment's lateness, in seconds.
        resident_bytes: memory that the process has now.
    """

    def __init__(
        self,
        *,
        max_lag_s: float,
        memory_limit_bytes: int | None,
        observe_lag: Callable[[float], None],
        resident_bytes: Callable[[], int] | None = None,
    ) -> None:
        self._max_lag_s = max_lag_s
        self._most_bytes = (
            None if memory_limit_bytes is None else int(_MEMORY_SHARE * memory_limit_bytes)
        )
        self._observe_lag = observe_lag
        self._resident_bytes = resident_bytes or read_resident_bytes
        self._lags_s: deque[float] = deque([0.0] * _LASTING, maxlen=_LASTING)

    def is_high(self) -> bool:
        """Whether new work should wait elsewhere."""
        if min(self._lags_s) > self._max_lag_s:
            return True
        return self._most_bytes is not None and self._resident_bytes() > self._most_bytes

    def measured(self, lag_s: float) -> None:
        """Take note of how late the loop was, at worst, in one interval."""
        self._lags_s.append(lag_s)

    async def watch(self) -> None:
        """Measure for ever how late the loop wakes up. Cancel to end."""
        loop = asyncio.get_running_loop()
        due_s = loop.time() + _MOMENT_S
        worst_s, judged_s = 0.0, loop.time()
        while True:
            await asyncio.sleep(due_s - loop.time())
            now_s = loop.time()
            worst_s = max(worst_s, now_s - due_s)
            due_s = self._tell(due_s, now_s)
            if now_s - judged_s >= _INTERVAL_S:
                self.measured(worst_s)
                worst_s, judged_s = 0.0, now_s

    def _tell(self, due_s: float, now_s: float) -> float:
        """Observe each moment from ``due_s`` to now; returns the next one."""
        for _ in range(_MOST_MOMENTS):
            if due_s > now_s:
                return due_s
            self._observe_lag(now_s - due_s)
            due_s += _MOMENT_S
        return now_s + _MOMENT_S


def read_resident_bytes() -> int:
    """Resident memory of this process (proc(5), statm); 0 on a system that does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


def read_memory_limit(files: tuple[Path, ...] = _CGROUP_LIMITS) -> int | None:
    """The memory that the control group allows, in bytes; None where it is not bounded."""
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdecimal():
            return int(text)
    return None
