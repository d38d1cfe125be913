"""A progress bar on standard error: live on a terminal, a line now and then in a log."""

import sys
from typing import TextIO

from tqdm import tqdm


def progress_bar(total: int, *, disable: bool) -> "tqdm[None]":
    """A bar of ``total`` products, to be used as a context manager."""
    live = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc="drawing",
        unit=" products",
        disable=disable,
        dynamic_ncols=live,
        ncols=None if live else 72,
        ascii=not live,
        mininterval=0.1 if live else 5.0,
        file=sys.stderr if live else _Lines(sys.stderr),
    )


class _Lines:
    """Turns a bar that is drawn over itself into lines."""

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
