"""SIGINT and SIGTERM end a run in order; a second one ends it at once."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SIGNALLED: Final = 128


class Stopping:
    """Whether a run is to end, and by which signals."""

    def __init__(self) -> None:
        """Going on."""
        self.event = asyncio.Event()
        self._came: list[int] = []

    @property
    def exit_code(self) -> int | None:
        """128 and the number of the signal that came first; None when none came."""
        return _SIGNALLED + self._came[0] if self._came else None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within a running loop: the first signal sets `event`, the second cancels this task."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int) -> None:
            self._came.append(number)
            if len(self._came) == 1:
                self.event.set()
                print("waiting for answers that are paid for", file=sys.stderr, flush=True)
            elif task is not None:
                task.cancel()

        for number in _SIGNALS:
            loop.add_signal_handler(number, stop, number)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
