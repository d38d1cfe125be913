"""The progress bar: a live one on a terminal, a line now and then in a log."""

import sys
from typing import TextIO

from tqdm import tqdm

_LOG_INTERVAL_S = 5.0


class Progress:
    """What is done of all there is, with the rate."""

    def __init__(
        self, total: int, done: int, *, doing: str = "importing", unit: str = "rows"
    ) -> None:
        """Begin at ``done`` of ``total``."""
        live = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            unit=f" {unit}",
            desc=doing,
            dynamic_ncols=live,
            ncols=None if live else 72,
            ascii=not live,
            mininterval=0.2 if live else _LOG_INTERVAL_S,
            file=sys.stderr if live else _Lines(sys.stderr),
        )

    def add(self, count: int) -> None:
        """``count`` more are done."""
        self._bar.update(count)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def say(text: str) -> None:
    """Write a line beside the bar, if there is one."""
    tqdm.write(text, file=sys.stderr)


class _Lines:
    """Turns a bar that is drawn over itself into lines, for logs."""

    encoding = "ascii"

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        bar = text.strip("\r\n ")
        if bar:
            self._file.write(bar + "\n")
        return len(text)

    def flush(self) -> None:
        self._file.flush()
