"""Hits and misses of one model, compared: time, decoded pictures, bytes that moved."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from retrieval.cache import CacheOutcome
from tests.benchmarks.cache_parts.photos import Photos
from tests.benchmarks.cache_parts.rig import Rig
from tests.benchmarks.harness.timing import Timings, alternating_async


@dataclass(frozen=True, slots=True)
class Compared:
    """A composed query whose picture is known (``hit``) and one whose picture is new (``miss``).

    Attributes:
        decoded_by_hits: pictures that all hits together decoded.
        decoded_by_misses: and all misses.
        rounds: how many of each there were.
        hit_bytes: that one hit moved between the processes, headers included; and
        miss_bytes: one miss.
    """

    hit: Timings
    miss: Timings
    decoded_by_hits: int
    decoded_by_misses: int
    rounds: int
    hit_bytes: float
    miss_bytes: float


async def compared(rig: Rig, photos: Photos, rounds: int) -> Compared:
    """Ask in turn with a known and with a new picture; words are new each time.

    Raises RuntimeError where Redis had not what it should have: then nothing was compared.
    """
    known = next(photos)
    words = (f"longer, in navy, {number}" for number in itertools.count())
    await rig.ask(known, next(words))
    decoded = {"hit": 0, "miss": 0}

    async def ask(kind: str, picture: bytes) -> None:
        before = rig.workshop.decoded
        await rig.ask(picture, next(words))
        decoded[kind] += rig.workshop.decoded - before

    async def hit() -> None:
        await ask("hit", known)

    async def miss() -> None:
        await ask("miss", next(photos))

    del rig.outcomes[:]
    warm_up = 1
    times = await alternating_async({"miss": miss, "hit": hit}, rounds, warm_up)
    hits, asked = rig.outcomes.count(CacheOutcome.HIT), rounds + warm_up
    if hits != asked:
        raise RuntimeError(f"{asked} pictures were known, and Redis had {hits} of them")
    some = min(rounds, 10)
    return Compared(
        times["hit"],
        times["miss"],
        decoded["hit"],
        decoded["miss"],
        asked,
        await bytes_of(hit, some),
        await bytes_of(miss, some),
    )


async def bytes_of(call: Callable[[], Awaitable[None]], rounds: int) -> float:
    """Bytes that the loopback device carried for a call, on average of ``rounds``."""
    before = _carried()
    for _ in range(rounds):
        await call()
    return (_carried() - before) / rounds


def _carried() -> int:
    devices = psutil.net_io_counters(pernic=True)
    return sum(device.bytes_sent for name, device in devices.items() if name.startswith("lo"))
