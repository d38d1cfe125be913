"""A Redis for the suites that run against the real one too."""

from collections.abc import AsyncIterator, Iterator

import pytest

from retrieval.redis_link import RedisLink
from tests.support.fault_proxy import FaultProxy
from tests.support.redis import RedisServer


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def link(redis_server: RedisServer) -> AsyncIterator[RedisLink]:
    """A link to it, which is empty."""
    redis_server.command("FLUSHALL")
    link = RedisLink(redis_server.url, budget_s=1.0)
    yield link
    await link.close()


@pytest.fixture
def fresh_redis() -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    server = RedisServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def wire(fresh_redis: RedisServer) -> AsyncIterator[FaultProxy]:
    """A line to it that can fail."""
    async with FaultProxy(fresh_redis.port).relaying() as wire:
        yield wire
