"""What a serving process asks of Python and of its allocator, so that its event loop is prompt."""

import contextlib
import ctypes
import gc
import sys
from typing import Final

_SWITCH_S: Final = 0.001
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""mallopt(3): M_MMAP_THRESHOLD, M_TRIM_THRESHOLD."""
_MMAP_BYTES: Final = 32 << 20
_TRIM_BYTES: Final = 64 << 20


def make_prompt() -> None:
    """Call once, when everything that stays is made, before anything is served."""
    # A thread that decodes a picture gives the interpreter back after 1 ms instead of 5: the loop
    # waits for it once for each call that lets go of the lock, several times in a request.
    sys.setswitchinterval(_SWITCH_S)
    # 100,000 objects of modules and wiring stay: without them in view the longest collection takes
    # some 10 ms instead of 230.
    gc.collect()
    gc.freeze()
    # Memory of large messages is used again: pages that are new each time make copying them, on
    # the loop, several times as long. Only glibc has the call.
    with contextlib.suppress(AttributeError, OSError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_MMAP_THRESHOLD, _MMAP_BYTES)
        allocator.mallopt(_TRIM_THRESHOLD, _TRIM_BYTES)
