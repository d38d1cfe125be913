"""``python -m tests.support.cancelled_calls ADDRESS``: bytes that stay of each cancelled call.

A process of its own, in which nothing else allocates, with grpc.aio as the gateway has it, or with
``--as-it-is`` as it comes. It calls METHOD of a server that does not answer, cancels each call
before it is sent or while the server is at work, and prints one number: what glibc counts as in
use, Python's heap included, for each call more. Run it with ``MALLOC_ARENA_MAX=1``, since glibc
counts the first arena alone.
"""

import argparse
import asyncio
import ctypes
import gc
from typing import Any, Final

import grpc

from retrieval.grpc_cancel import mend_cancelling

CALLS: Final = 1500
METHOD: Final = "/recompose.tests.Cancelled/Wait"
_AT_ONCE: Final = 8
_CANCEL_AFTER_S: Final = 0.004
_REQUEST: Final = b"x" * 500
_FIELDS: Final = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)


class _Mallinfo(ctypes.Structure):
    """glibc's ``struct mallinfo2``."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--as-it-is", action="store_true")
    arguments = parser.parse_args()
    if not arguments.as_it_is:
        mend_cancelling()
    print(asyncio.run(_bytes_a_call(arguments.address)))


async def _bytes_a_call(address: str) -> float:
    async with grpc.aio.insecure_channel(address) as channel:
        method: Any = channel.unary_unary(METHOD, bytes, bytes)
        await channel.channel_ready()
        await _cancel(method)  # every pool and cache is as large as it gets
        before = _in_use()
        await _cancel(method)
        return (_in_use() - before) / CALLS


async def _cancel(method: Any) -> None:
    numbers = iter(range(CALLS))

    async def take_turns() -> None:
        for number in numbers:
            waiting = asyncio.create_task(_called(method))
            await asyncio.wait({waiting}, timeout=_CANCEL_AFTER_S * (number % 2))
            waiting.cancel()
            await asyncio.wait({waiting})

    await asyncio.gather(*(take_turns() for _ in range(_AT_ONCE)))
    if ending := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(ending)


async def _called(method: Any) -> None:
    await method(_REQUEST)


def _in_use() -> int:
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _Mallinfo
    info = libc.mallinfo2()
    return int(info.uordblks + info.hblkhd)


if __name__ == "__main__":
    main()
