"""Hits and misses of one model, compared: time, decoded pictures, bytes that moved."""

import itertools
from dataclasses import dataclass

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
        hit_bytes: that one hit moved to and from Triton and Redis, without headers; and
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
    decoded, moved = {"hit": 0, "miss": 0}, {"hit": 0, "miss": 0}

    async def ask(kind: str, picture: bytes) -> None:
        before = rig.workshop.decoded, rig.moved_bytes
        await rig.ask(picture, next(words))
        decoded[kind] += rig.workshop.decoded - before[0]
        moved[kind] += rig.moved_bytes - before[1]

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
    return Compared(
        times["hit"],
        times["miss"],
        decoded["hit"],
        decoded["miss"],
        asked,
        moved["hit"] / asked,
        moved["miss"] / asked,
    )
