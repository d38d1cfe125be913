"""One suite for the snapshot store, against the fake and against Redis."""

import asyncio
import uuid
from dataclasses import replace

import pytest

from retrieval.domain import Ranked, Ranking, RerankOutcome
from retrieval.ports import SnapshotStore
from retrieval.redis_link import RedisLink
from retrieval.snapshots import RedisSnapshotStore
from tests.support.fake_cache import MemorySnapshotStore
from tests.support.redis import RedisServer

KEY, OTHER = b"k" * 16, b"o" * 16
PLACES = tuple(Ranked(uuid.uuid5(uuid.NAMESPACE_OID, str(n)), 1 / (n + 3)) for n in range(1000))
RANKING = Ranking(PLACES)
JUDGED = tuple(replace(place, match_probability=1 / 2**n) for n, place in enumerate(PLACES[:25]))


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest, link: RedisLink) -> SnapshotStore:
    if request.param == "memory":
        return MemorySnapshotStore()
    return RedisSnapshotStore(link, secret=b"a secret")


@pytest.mark.parametrize("length", [0, 1, 1000])
async def test_a_ranking_comes_back_exactly(store: SnapshotStore, length: int) -> None:
    ranking = Ranking(PLACES[:length])
    assert await store.put(KEY, ranking) is True
    assert await store.get(KEY) == ranking


@pytest.mark.parametrize("outcome", RerankOutcome)
@pytest.mark.parametrize("judged", [0, 3, 25])
async def test_what_a_second_stage_found_comes_back(
    store: SnapshotStore, outcome: RerankOutcome, judged: int
) -> None:
    ranking = Ranking((*JUDGED[:judged], *PLACES[judged:100]), outcome)
    await store.put(KEY, ranking)
    assert await store.get(KEY) == ranking


async def test_an_unknown_key_has_no_ranking(store: SnapshotStore) -> None:
    await store.put(KEY, RANKING)
    assert await store.get(OTHER) is None


async def test_a_ranking_is_replaced(store: SnapshotStore) -> None:
    await store.put(KEY, RANKING)
    await store.put(KEY, Ranking(PLACES[:5]))
    assert await store.get(KEY) == Ranking(PLACES[:5])


async def test_a_ranking_expires(link: RedisLink) -> None:
    store = RedisSnapshotStore(link, secret=b"a secret", ttl_s=1)
    await store.put(KEY, RANKING)
    assert await store.get(KEY) == RANKING
    await asyncio.sleep(1.1)
    assert await store.get(KEY) is None


async def test_by_default_a_ranking_lives_five_minutes(
    link: RedisLink, redis_server: RedisServer
) -> None:
    await RedisSnapshotStore(link, secret=b"a secret").put(KEY, RANKING)
    (name,) = redis_server.keys()
    assert redis_server.command("TTL", name) in {b":300\r\n", b":299\r\n"}


async def test_another_secret_finds_nothing(link: RedisLink) -> None:
    await RedisSnapshotStore(link, secret=b"a secret").put(KEY, RANKING)
    assert await RedisSnapshotStore(link, secret=b"another").get(KEY) is None


async def test_a_thousand_places_take_24_kilobytes(
    link: RedisLink, redis_server: RedisServer
) -> None:
    await RedisSnapshotStore(link, secret=b"a secret").put(KEY, RANKING)
    (name,) = redis_server.keys()
    assert redis_server.command("STRLEN", name) == b":24012\r\n"
