"""What is kept in Redis: entries on their way, too many, damaged, or of another type."""

import asyncio
import uuid

import numpy as np

from retrieval.cache import CacheOutcome, RedisEmbeddingCache
from retrieval.domain import FloatArray, Ranked, Ranking
from retrieval.redis_link import RedisLink
from retrieval.snapshots import RedisSnapshotStore
from tests.support.fault_proxy import FaultProxy
from tests.support.kept_spans import Kept
from tests.support.observed_cache import QUERY, Observed, cache_over, compute, timed_search
from tests.support.redis import RedisServer


async def test_what_is_computed_is_given_back_before_it_is_stored(wire: FaultProxy) -> None:
    observed = Observed()
    link = RedisLink(f"redis://{wire.address}", budget_s=0.3)
    cache = cache_over(link, observed)
    await link.call("PING")
    wire.stall()
    computed = 0

    async def count() -> FloatArray:
        nonlocal computed
        computed += 1
        return QUERY

    for _ in range(3):  # the first one's store is on its way all the while
        np.testing.assert_array_equal(await cache.get_or_compute(b"key", count), QUERY)
    assert computed == 1
    await wire.heal()
    await cache.settle()
    await link.close()


async def test_what_was_just_computed_is_not_computed_again_where_redis_does_not_take_it() -> None:
    cache = RedisEmbeddingCache(RedisLink(None), secret=b"s", fresh_s=0.2)
    computed = 0

    async def count() -> FloatArray:
        nonlocal computed
        computed += 1
        return QUERY.copy()

    for _ in range(3):
        np.testing.assert_array_equal(await cache.get_or_compute(b"key", count), QUERY)
        await cache.settle()
    assert computed == 1
    await asyncio.sleep(0.25)
    await cache.get_or_compute(b"key", count)
    assert computed == 2


async def test_large_entries_that_come_together_go_to_redis_a_few_at_a_time(
    wire: FaultProxy,
) -> None:
    kept = Kept()
    link = RedisLink(f"redis://{wire.address}", budget_s=10.0, trace=kept.make.step)
    cache = RedisEmbeddingCache(link, secret=b"s")
    await link.call("PING")
    wire.delay(0.02)

    async def compute_embeds() -> FloatArray:
        return np.zeros((257, 1408), np.float16)

    keys = [str(number).encode() for number in range(9)]
    with kept.make.request("second stage", ()):
        await asyncio.gather(*(cache.get_or_compute(key, compute_embeds) for key in keys))
    await cache.settle()
    sets = [span for span in kept.spans if span.name == "SET"]
    assert len(sets) == 9
    for one in sets:  # of those at work as it begins, itself included
        assert one.start_time is not None
        at_work = [two for two in sets if two.start_time <= one.start_time < two.end_time]
        assert len(at_work) <= 2
    await link.close()


async def test_a_full_redis_refuses_and_nobody_minds() -> None:
    server = RedisServer(maxmemory_mib=1, policy="noeviction")
    server.start()
    observed = Observed()
    link = RedisLink(server.url, budget_s=1.0, observe=observed.call)
    cache = cache_over(link, observed)
    for number in range(8):
        big = np.full((1 << 18,), number, np.float32)

        async def compute_big(big: FloatArray = big) -> FloatArray:
            return big

        found = await cache.get_or_compute(str(number).encode(), compute_big)
        assert (found == number).all()
        await cache.settle()
    assert "refused" in observed.calls
    assert "open" not in observed.calls
    assert await RedisSnapshotStore(link, secret=b"s").put(b"key", _ranking()) is False
    await link.close()
    server.kill()


async def test_memory_is_bounded_by_eviction(fresh_redis: RedisServer) -> None:
    fresh_redis.command("CONFIG", "SET", "maxmemory", "4mb")
    link = RedisLink(fresh_redis.url, budget_s=1.0)
    cache = RedisEmbeddingCache(link, secret=b"s")
    for number in range(20):
        embeds = np.full((257, 1408), number, np.float16)

        async def compute_embeds(embeds: FloatArray = embeds) -> FloatArray:
            return embeds

        await cache.get_or_compute(str(number).encode(), compute_embeds)
        await cache.settle()
    assert 0 < len(fresh_redis.keys()) < 6
    await link.close()


def _ranking() -> Ranking:
    return Ranking((Ranked(uuid.uuid4(), 0.5),))


async def test_damaged_entries_are_missed_deleted_and_replaced(fresh_redis: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(fresh_redis.url, budget_s=1.0)
    cache = cache_over(link, observed)
    await cache.get_or_compute(b"other", compute)
    await cache.settle()
    (other,) = fresh_redis.keys()
    await cache.get_or_compute(b"key", compute)
    await cache.settle()
    (name,) = set(fresh_redis.keys()) - {other}
    good = await link.call("GET", name)
    misplaced = await link.call("GET", other)
    damages = [
        b"", good[:5], good[:-1], good + b"\0", bytes([good[0] ^ 1]) + good[1:],
        good[:2] + b"\x09" + good[3:], good[:3] + b"\x01" + good[4:],
        good[:600] + bytes([good[600] ^ 1]) + good[601:], misplaced,
    ]  # fmt: skip
    for damage in damages:
        await link.call("SET", name, damage)
        np.testing.assert_array_equal(await cache.get_or_compute(b"key", compute), QUERY)
        await cache.settle()
        assert observed.lookups[-1] == CacheOutcome.DAMAGED
        assert await link.call("GET", name) == good
    await link.close()


async def test_a_damaged_entry_is_deleted_even_where_nothing_replaces_it(
    fresh_redis: RedisServer,
) -> None:
    link = RedisLink(fresh_redis.url, budget_s=1.0)
    store = RedisSnapshotStore(link, secret=b"s")
    await store.put(b"key", _ranking())
    (name,) = fresh_redis.keys()
    good = await link.call("GET", name)
    for damage in (good[:-1], good[:20] + b"\0\0" + good[22:], b"", b"RC"):
        await link.call("SET", name, damage)
        assert await store.get(b"key") is None
        assert fresh_redis.keys() == []
    await link.close()


async def test_an_entry_of_another_type_is_no_error(fresh_redis: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(fresh_redis.url, budget_s=1.0, observe=observed.call)
    cache = cache_over(link, observed)
    await timed_search(cache)
    (name,) = fresh_redis.keys()
    fresh_redis.command("DEL", name)
    fresh_redis.command("RPUSH", name, "a")
    await timed_search(cache)
    assert "refused" in observed.calls
    await timed_search(cache)
    assert observed.lookups[-1] == CacheOutcome.HIT
    await link.close()


async def test_names_and_values_tell_nothing_of_the_words(fresh_redis: RedisServer) -> None:
    link = RedisLink(fresh_redis.url, budget_s=1.0)
    for secret in (b"one", b"two"):
        cache = RedisEmbeddingCache(link, secret=secret)
        await cache.get_or_compute(b"red dress", compute)
        await cache.settle()
    names = fresh_redis.keys()
    assert len(names) == 2
    assert not any(b"red" in name.removeprefix(b"recompose:") for name in names)
    assert all(fresh_redis.command("TTL", name) > b":600000" for name in names)
    await link.close()
