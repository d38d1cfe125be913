"""One suite for the lease, against the fake and against Redis."""

import asyncio

import pytest

from retrieval.lease import RedisLease
from retrieval.ports import Lease
from retrieval.redis_link import RedisLink
from tests.support.fake_cache import MemoryLease
from tests.support.redis import RedisServer


@pytest.fixture(params=["memory", "redis"])
def lease(request: pytest.FixtureRequest, link: RedisLink) -> Lease:
    return MemoryLease() if request.param == "memory" else RedisLease(link)


async def test_of_many_that_ask_at_once_one_gets_it(lease: Lease) -> None:
    answers = await asyncio.gather(*(lease.take(b"audit", 30) for _ in range(10)))
    assert sorted(answers) == [False] * 9 + [True]
    assert not await lease.take(b"audit", 30)
    assert await lease.take(b"another", 30)


async def test_a_lease_ends_by_itself(link: RedisLink, redis_server: RedisServer) -> None:
    lease = RedisLease(link)
    assert await lease.take(b"audit", 0.2)  # a second is the shortest
    assert b"recompose:lease:audit" in redis_server.keys()  # noqa: SIM118 - no dictionary
    async with asyncio.timeout(5):
        while not await lease.take(b"audit", 30):  # noqa: ASYNC110 - what is polled has no event
            await asyncio.sleep(0.05)


async def test_without_redis_everyone_gets_it() -> None:
    lease = RedisLease(RedisLink(None))
    assert await lease.take(b"audit", 30)
    assert await lease.take(b"audit", 30)
