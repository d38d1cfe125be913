"""One suite for the embedding cache, against the fake and against Redis."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn

import numpy as np
import pytest

from retrieval.cache import RedisEmbeddingCache, embedding_key
from retrieval.domain import FloatArray
from retrieval.errors import DependencyTimeout
from retrieval.ports import EmbeddingCache
from retrieval.redis_link import RedisLink
from tests.support.fake_cache import MemoryEmbeddingCache
from tests.support.redis import RedisServer

EMBEDS = np.random.default_rng(1).normal(size=(37, 192)).astype(np.float16)
QUERY = np.random.default_rng(2).normal(size=256).astype(np.float32)


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture(params=["memory", "redis"])
async def cache(
    request: pytest.FixtureRequest, redis_server: RedisServer
) -> AsyncIterator[EmbeddingCache]:
    if request.param == "memory":
        yield MemoryEmbeddingCache()
        return
    redis_server.command("FLUSHALL")
    link = RedisLink(redis_server.url, budget_s=1.0)
    yield RedisEmbeddingCache(link, secret=b"a secret")
    await link.close()


class Model:
    """Counts what it computes; waits until told."""

    def __init__(self, array: FloatArray = QUERY) -> None:
        self.array = array
        self.computed = 0
        self.cancelled = 0
        self.started = asyncio.Event()
        self.ready = asyncio.Event()
        self.ready.set()

    async def __call__(self) -> FloatArray:
        self.computed += 1
        self.started.set()
        try:
            await self.ready.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.array.copy()


async def broken() -> NoReturn:
    raise DependencyTimeout(dependency="triton")


def key(name: str) -> bytes:
    return embedding_key("ab" * 32, 1, "query_embedding", name.encode())


@pytest.mark.parametrize("array", [EMBEDS, QUERY, np.ones((1, 2, 3, 4), np.float32)])
async def test_an_array_is_computed_once_and_comes_back_exactly(
    cache: EmbeddingCache, array: FloatArray
) -> None:
    model = Model(array)
    for _ in range(3):
        found = await cache.get_or_compute(key("one"), model)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found, array)
    assert model.computed == 1


async def test_other_keys_have_other_arrays(cache: EmbeddingCache) -> None:
    one, two = Model(QUERY), Model(EMBEDS)
    await cache.get_or_compute(key("one"), one)
    np.testing.assert_array_equal(await cache.get_or_compute(key("two"), two), EMBEDS)
    assert (one.computed, two.computed) == (1, 1)


async def test_a_shared_array_cannot_be_written(cache: EmbeddingCache) -> None:
    for _ in range(2):
        found = await cache.get_or_compute(key("one"), Model())
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0


async def test_many_callers_share_one_computation(cache: EmbeddingCache) -> None:
    model = Model()
    model.ready.clear()
    callers = [asyncio.create_task(cache.get_or_compute(key("one"), model)) for _ in range(50)]
    await model.started.wait()
    model.ready.set()
    for found in await asyncio.gather(*callers):
        np.testing.assert_array_equal(found, QUERY)
    assert model.computed == 1


async def test_a_cancelled_first_caller_leaves_the_others_waiting(cache: EmbeddingCache) -> None:
    model = Model()
    model.ready.clear()
    callers = [asyncio.create_task(cache.get_or_compute(key("one"), model)) for _ in range(5)]
    await model.started.wait()
    for caller in callers[:3]:
        caller.cancel()
    await asyncio.wait(callers[:3])
    model.ready.set()

    ended = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended[:3])
    for found in ended[3:]:
        np.testing.assert_array_equal(found, QUERY)
    assert (model.computed, model.cancelled) == (1, 0)


async def test_when_all_callers_are_gone_the_computation_ends(cache: EmbeddingCache) -> None:
    model = Model()
    model.ready.clear()
    callers = [asyncio.create_task(cache.get_or_compute(key("one"), model)) for _ in range(3)]
    await model.started.wait()
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (model.computed, model.cancelled) == (1, 1)

    model.ready.set()
    np.testing.assert_array_equal(await cache.get_or_compute(key("one"), model), QUERY)
    assert model.computed == 2


async def test_a_caller_after_a_cancelled_one_does_not_join_the_dying(
    cache: EmbeddingCache,
) -> None:
    model = Model()
    model.ready.clear()
    first = asyncio.create_task(cache.get_or_compute(key("one"), model))
    await model.started.wait()
    first.cancel()
    second = asyncio.create_task(cache.get_or_compute(key("one"), model))
    await asyncio.wait({first})
    model.ready.set()
    np.testing.assert_array_equal(await second, QUERY)


async def test_an_error_reaches_all_callers_and_is_not_kept(cache: EmbeddingCache) -> None:
    callers = [asyncio.create_task(cache.get_or_compute(key("one"), broken)) for _ in range(5)]
    ended = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(end, DependencyTimeout) for end in ended)

    np.testing.assert_array_equal(await cache.get_or_compute(key("one"), Model()), QUERY)


def at_work() -> set[asyncio.Task[Any]]:
    """All tasks but those of the link's connections, which stay."""
    return {
        task for task in asyncio.all_tasks() if "RedisPipe." not in task.get_coro().__qualname__
    }


async def test_nothing_is_left_running(cache: EmbeddingCache) -> None:
    before = at_work()
    for number in range(20):
        caller = asyncio.create_task(cache.get_or_compute(key(str(number)), Model()))
        if number % 3 == 0:
            await asyncio.sleep(0)
            caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
    for _ in range(500):  # The links' tasks may be a moment behind their callers.
        if at_work() == before:
            break
        await asyncio.sleep(0.01)
    assert at_work() == before


def test_a_key_tells_everything_apart() -> None:
    digest = hashlib.sha256(b"model").hexdigest()
    other = hashlib.sha256(b"another model").hexdigest()
    keys = {
        embedding_key(digest, 1, "query_embedding", b"ab", b"c"),
        embedding_key(digest, 1, "query_embedding", b"a", b"bc"),
        embedding_key(digest, 1, "query_embedding", b"abc"),
        embedding_key(digest, 1, "image_embeds", b"abc"),
        embedding_key(digest, 2, "query_embedding", b"abc"),
        embedding_key(other, 1, "query_embedding", b"abc"),
    }
    assert len(keys) == 6
    assert all(len(one) == 32 for one in keys)
