"""``python -m tests.support.soaked_gateway``: the gateway, to be asked without a pause.

On SIGUSR1 it gives memory that it does not use back to the system, so that what is resident then is
what it holds. With ``--leak BYTES`` every search keeps that much for ever: what a leak looks like.
"""

import argparse
import ctypes
import gc
import os
import signal
import sys
from types import FrameType
from typing import Any

from gateway import __main__ as gateway
from gateway.search import Search

_kept: list[bytes] = []


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--leak", type=int, default=0)
    leak_bytes = parser.parse_args().leak
    if leak_bytes:
        _plant(leak_bytes)
    signal.signal(signal.SIGUSR1, _give_back)
    return gateway.main([])


def _plant(leak_bytes: int) -> None:
    search = Search.search

    async def leaking(self: Search, *arguments: Any) -> Any:
        _kept.append(os.urandom(leak_bytes))
        return await search(self, *arguments)

    setattr(Search, "search", leaking)  # noqa: B010 - what a type checker would not let pass


def _give_back(number: int, frame: FrameType | None) -> None:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)
