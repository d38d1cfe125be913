"""How far a step is: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tqdm import tqdm

from gateway.model_swap.parts import Progress

_LOG_INTERVAL_S: Final = 10.0


@contextmanager
def shown(what: str, total: int) -> Iterator[Progress]:
    """Show how much of ``total`` products is done while the block runs."""
    if not sys.stderr.isatty():
        yield _lines(what, total)
        return
    with tqdm(total=total, unit=" products", desc=what, dynamic_ncols=True) as bar:

        def add(products: int) -> None:
            bar.update(products)

        yield add


def say(text: str) -> None:
    """Write a line, beside the bar if there is one."""
    tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write a line to standard error."""
    tqdm.write(text, file=sys.stderr)


def _lines(what: str, total: int) -> Progress:
    done, last_s = 0, time.monotonic()

    def add(products: int) -> None:
        nonlocal done, last_s
        done += products
        if time.monotonic() - last_s >= _LOG_INTERVAL_S:
            last_s = time.monotonic()
            complain(f"{what}: {done:,} of {total:,}")

    return add
