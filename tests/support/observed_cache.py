"""A cache over Redis, and what its tests see of it."""

import time

import numpy as np

from retrieval.cache import CacheOutcome, RedisEmbeddingCache
from retrieval.domain import FloatArray
from retrieval.redis_link import RedisLink

QUERY = np.arange(256, dtype=np.float32)


class Observed:
    """Remembers what became of each call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lookups: list[CacheOutcome] = []

    def call(self, dependency: str, outcome: str, seconds: float) -> None:
        assert dependency == "redis"
        assert seconds >= 0
        self.calls.append(outcome)


async def compute() -> FloatArray:
    return QUERY.copy()


async def timed_search(cache: RedisEmbeddingCache) -> float:
    """Seconds that one lookup with its computation took."""
    begin = time.monotonic()
    np.testing.assert_array_equal(await cache.get_or_compute(b"key", compute), QUERY)
    taken = time.monotonic() - begin
    await cache.settle()
    return taken


def cache_over(link: RedisLink, observed: Observed) -> RedisEmbeddingCache:
    """A cache that keeps nothing of its own, so that every lookup asks Redis."""
    return RedisEmbeddingCache(link, secret=b"s", fresh_s=0, count=observed.lookups.append)
