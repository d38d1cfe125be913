"""What is wired is imported late, and without looking for garbage meanwhile.

It takes a second or two of processor, of which the collector takes a quarter for nothing: what
is imported stays.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def late_imports() -> Iterator[None]:
    """Import within the block; the collector then goes on as before."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
