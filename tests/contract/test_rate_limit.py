"""One suite for buckets, in this process and in Redis; and what becomes of them without Redis."""

import asyncio

import pytest

from gateway.access.caller import Caller, Rate, Scope
from gateway.access.rate import CallerLimits
from retrieval.errors import RateLimited, Reason
from retrieval.rate_limit import Bucket, Full, LocalRateLimit, RateLimit, RedisRateLimit
from retrieval.redis_link import RedisAbsent, RedisLink
from tests.support.redis import RedisServer


@pytest.fixture(params=["local", "redis"])
def limit(request: pytest.FixtureRequest, link: RedisLink) -> RateLimit:
    return LocalRateLimit() if request.param == "local" else RedisRateLimit(link)


async def test_a_burst_of_a_window_and_then_one_by_one(limit: RateLimit) -> None:
    bucket = [Bucket(b"a", 5, 1000.0)]
    assert [await limit.take(bucket) for _ in range(5)] == [None] * 5
    full = await limit.take(bucket)
    assert full is not None
    assert full.place == 0
    assert full.wait_s == pytest.approx(200, abs=2)
    assert await limit.take([Bucket(b"b", 5, 1000.0)]) is None


async def test_it_drains(limit: RateLimit) -> None:
    bucket = [Bucket(b"a", 2, 0.4)]
    assert [await limit.take(bucket) for _ in range(2)] == [None] * 2
    full = await limit.take(bucket)
    assert full is not None
    await asyncio.sleep(full.wait_s + 0.01)
    assert await limit.take(bucket) is None


async def test_of_two_buckets_a_full_one_spares_the_other(limit: RateLimit) -> None:
    wide, narrow = Bucket(b"wide", 3, 1000.0), Bucket(b"narrow", 1, 1000.0)
    assert await limit.take([wide, narrow]) is None
    for _ in range(5):
        full = await limit.take([wide, narrow])
        assert isinstance(full, Full)
        assert full.place == 1
    assert [await limit.take([wide]) for _ in range(2)] == [None] * 2
    assert await limit.take([wide]) is not None


async def test_replicas_share_their_buckets(link: RedisLink) -> None:
    one, other = RedisRateLimit(link), RedisRateLimit(link)
    bucket = [Bucket(b"a", 10, 1000.0)]
    answers = await asyncio.gather(
        *(limit.take(bucket) for limit in (one, other) for _ in range(10))
    )
    assert answers.count(None) == 10


async def test_buckets_that_are_empty_leave_nothing(
    link: RedisLink, redis_server: RedisServer
) -> None:
    await RedisRateLimit(link).take([Bucket(b"a", 10, 0.2)])
    assert redis_server.keys() == [b"recompose:bucket:a"]
    await asyncio.sleep(0.3)
    assert redis_server.keys() == []


async def test_without_redis_each_process_has_its_own(redis_server: RedisServer) -> None:
    dead = RedisLink("redis://127.0.0.1:1", budget_s=0.05)
    with pytest.raises(RedisAbsent):
        await RedisRateLimit(dead).take([Bucket(b"a", 1, 1.0)])
    limits = CallerLimits(RedisRateLimit(dead), LocalRateLimit())
    caller = Caller("a", frozenset(Scope), rate=Rate(2, 60.0), quota=Rate(5, 86400.0))
    await limits.take(caller)
    await limits.take(caller)
    with pytest.raises(RateLimited) as caught:
        await limits.take(caller)
    assert caught.value.reason is Reason.RATE_LIMITED
    await dead.close()


async def test_an_unlimited_caller_asks_no_redis() -> None:
    dead = RedisLink("redis://127.0.0.1:1", budget_s=0.05, observe=_never)
    await CallerLimits(RedisRateLimit(dead), LocalRateLimit()).take(Caller("a", frozenset(Scope)))
    await dead.close()


async def test_an_answer_that_is_none_counts_as_no_redis() -> None:
    class Garbled:
        async def call(self, *command: bytes | str | int) -> object:
            return b"?"

    with pytest.raises(RedisAbsent):
        await RedisRateLimit(Garbled()).take([Bucket(b"a", 1, 1.0)])  # type: ignore[arg-type]


def _never(dependency: str, outcome: str, seconds: float) -> None:
    raise AssertionError("Redis was asked")
