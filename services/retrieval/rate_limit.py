"""Buckets that calls are taken from: shared by all replicas in Redis, or of this process alone.

A bucket is GCRA, the generic cell rate algorithm (ITU-T I.371): one number for each, the time at
which it is empty again. A call is let in while that lies no further ahead than the bucket's window,
which allows a burst of a whole window and then an even pace.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from retrieval.redis_link import RedisAbsent, RedisLink

_PREFIX: Final = b"recompose:bucket:"
_MAX_LOCAL: Final = 10_000
_SCRIPT: Final = b"""
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
local ends = {}
for place, key in ipairs(KEYS) do
  local window = tonumber(ARGV[place * 2])
  local begins = math.max(tonumber(redis.call('GET', key) or 0), now)
  ends[place] = begins + window / tonumber(ARGV[place * 2 - 1])
  local wait = ends[place] - now - window
  if wait > 1e-6 then return {place, tostring(wait)} end
end
for place, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.6f', ends[place]),
    'PX', math.ceil((ends[place] - now) * 1000))
end
return {0, '0'}
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """At most ``times`` calls in ``window_s`` seconds."""

    name: bytes
    times: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Full:
    """A bucket that lets no call in."""

    place: int
    """Which of those asked."""
    wait_s: float
    """Time until it lets one in."""


class RateLimit(Protocol):
    """Takes one call from buckets: from all of them, or from none where one is full."""

    async def take(self, buckets: Sequence[Bucket]) -> Full | None:
        """The first full bucket, if any. Raises `RedisAbsent` where buckets are not reachable."""


class RedisRateLimit:
    """Buckets of all replicas, by Redis' own clock."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def take(self, buckets: Sequence[Bucket]) -> Full | None:
        """As `RateLimit.take`."""
        keys = [_PREFIX + bucket.name for bucket in buckets]
        numbers = [text for bucket in buckets for text in (bucket.times, str(bucket.window_s))]
        answer = await self._link.call("EVAL", _SCRIPT, len(keys), *keys, *numbers)
        try:
            place, wait_s = int(answer[0]), float(answer[1])
        except (TypeError, ValueError, IndexError):
            raise RedisAbsent from None
        return Full(place - 1, wait_s) if place else None


class LocalRateLimit:
    """Buckets of this process; the least used of very many are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: OrderedDict[bytes, float] = OrderedDict()

    async def take(self, buckets: Sequence[Bucket]) -> Full | None:
        """As `RateLimit.take`; never raises."""
        now = self._clock()
        ends = [
            max(self._ends.get(bucket.name, -math.inf), now) + bucket.window_s / bucket.times
            for bucket in buckets
        ]
        for place, (bucket, end) in enumerate(zip(buckets, ends, strict=True)):
            if (wait_s := end - now - bucket.window_s) > 1e-6:
                return Full(place, wait_s)
        for bucket, end in zip(buckets, ends, strict=True):
            self._ends[bucket.name] = end
            self._ends.move_to_end(bucket.name)
        while len(self._ends) > _MAX_LOCAL:
            self._ends.popitem(last=False)
        return None
