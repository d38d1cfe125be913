"""A second stage whose parts fail: what callers of both edges get. Over the real core; Redis is
real, the other parts are fakes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.candidate_embeds import CandidateSource
from retrieval.cache import RedisEmbeddingCache
from retrieval.errors import (
    DependencyBroken,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
    RecomposeError,
)
from retrieval.redis_link import RedisLink
from retrieval.snapshots import RedisSnapshotStore
from tests.support.core import Core, running_core
from tests.support.fake_image_store import MemoryImageStore
from tests.support.fault_proxy import FaultProxy
from tests.support.reranking import RerankingShop, probabilities, reranking_shop

ASKED = {"depth": 20}


@pytest.fixture
def images() -> MemoryImageStore:
    return MemoryImageStore()


@pytest.fixture
def core(tmp_path: Path, images: MemoryImageStore) -> Iterator[Core]:
    with running_core(tmp_path, images, rerank_budget_s=2.0) as core:
        yield core


@pytest.fixture
async def shop(core: Core) -> AsyncIterator[RerankingShop]:
    async with reranking_shop(core) as shop:
        yield shop


async def finds_as_without(shop: RerankingShop, outcome: str) -> None:
    """Both edges answer with the first stage's order, and say why."""
    plain, answer = await shop.both(), await shop.both(rerank=ASKED)
    degraded = plain["degraded"] or outcome == "UNAVAILABLE"
    assert answer == {**plain, "rerank": outcome, "degraded": degraded}


async def is_itself_again(shop: RerankingShop) -> None:
    answer = await shop.both(rerank=ASKED)
    assert (answer["rerank"], answer["degraded"]) == ("DONE", False)


FAILURES: dict[str, RecomposeError] = {
    "away": DependencyUnavailable(dependency="triton"),
    "full": DependencyExhausted(dependency="triton"),
    "answers garbage": DependencyBroken(dependency="triton"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_reranker_that_fails_costs_the_order_alone(shop: RerankingShop, name: str) -> None:
    shop.core.reranker.failure = FAILURES[name]
    await finds_as_without(shop, "UNAVAILABLE")
    shop.core.reranker.failure = None
    await is_itself_again(shop)


async def test_a_reranker_that_hangs_costs_its_budget(shop: RerankingShop) -> None:
    shop.core.reranker.takes_s = 60
    began_s = time.monotonic()
    assert (await shop.ask(rerank=ASKED)).json()["rerank"] == "OUT_OF_TIME"
    assert 2 <= time.monotonic() - began_s < 5
    await finds_as_without(shop, "OUT_OF_TIME")
    shop.core.reranker.takes_s = 0
    await is_itself_again(shop)


async def test_an_encoder_that_is_away_costs_the_order_until_the_candidates_are_cached(
    shop: RerankingShop,
) -> None:
    await shop.both()  # what the first stage needs is in the cache
    shop.core.encoder.failure = DependencyUnavailable(dependency="triton")
    await finds_as_without(shop, "UNAVAILABLE")
    shop.core.encoder.failure = None
    await is_itself_again(shop)
    shop.core.encoder.failure = DependencyUnavailable(dependency="triton")
    await is_itself_again(shop)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (DependencyUnavailable(dependency="image_store"), "UNAVAILABLE"),
        (DependencyTimeout(dependency="image_store"), "OUT_OF_TIME"),
    ],
    ids=["away", "late"],
)
async def test_a_store_of_pictures_that_fails_costs_the_order_alone(
    shop: RerankingShop, images: MemoryImageStore, failure: RecomposeError, outcome: str
) -> None:
    await shop.both()
    images.failure = failure
    await finds_as_without(shop, outcome)
    images.failure = None
    await is_itself_again(shop)
    images.failure = failure  # no picture is needed any more
    await is_itself_again(shop)


@asynccontextmanager
async def on_redis(wire: FaultProxy, folder: Path) -> AsyncIterator[RerankingShop]:
    """A shop whose embeddings and rankings are in a Redis behind a line that can fail."""
    link = RedisLink(f"redis://{wire.address}", budget_s=0.3)
    cache, kept = RedisEmbeddingCache(link, secret=b"s"), RedisSnapshotStore(link, secret=b"s")
    with running_core(folder, cache=cache, kept=kept) as core:
        async with reranking_shop(core) as shop:
            yield shop
        await cache.settle()
    await link.close()


async def test_without_redis_candidates_are_computed_and_judged(
    wire: FaultProxy, tmp_path: Path
) -> None:
    async with on_redis(wire, tmp_path) as shop:
        await wire.refuse()
        await is_itself_again(shop)
        assert shop.core.candidates[CandidateSource.COMPUTED] >= 20


async def test_a_redis_that_hangs_holds_no_second_stage_up(
    wire: FaultProxy, tmp_path: Path
) -> None:
    async with on_redis(wire, tmp_path) as shop:
        whole = await shop.both(rerank=ASKED)
        wire.stall()
        assert await shop.both(rerank=ASKED) == whole


async def test_candidates_and_rankings_come_back_out_of_redis(
    wire: FaultProxy, tmp_path: Path
) -> None:
    async with on_redis(wire, tmp_path) as shop:
        whole = await shop.both(rerank=ASKED)
        await asyncio.sleep(1.2)  # for a second the process itself keeps what it computed
        shop.core.encoder.failure = DependencyUnavailable(dependency="triton")
        shop.core.candidates.clear()
        assert await shop.both(rerank=ASKED) == whole
        assert shop.core.candidates == {"cache": 40}
        first = await shop.both(rerank=ASKED, page_size=12)
        shop.core.reranker.failure = DependencyUnavailable(dependency="triton")
        token = first["next_page_token"]
        second = await shop.both(rerank=ASKED, page_size=12, page_token=token)
        assert (second["rerank"], second["repeated"]) == ("DONE", False)
        assert [*first["hits"], *second["hits"]] == whole["hits"][:24]
        assert probabilities(second) == probabilities(whole)[12:24]


async def test_a_page_whose_ranking_is_gone_is_judged_again(
    wire: FaultProxy, tmp_path: Path
) -> None:
    async with on_redis(wire, tmp_path) as shop:
        whole = await shop.both(rerank=ASKED)
        first = await shop.both(rerank=ASKED, page_size=12)
        await wire.refuse()
        token = first["next_page_token"]
        second = await shop.both(rerank=ASKED, page_size=12, page_token=token)
        assert (second["rerank"], second["repeated"]) == ("DONE", True)
        assert second["hits"] == whole["hits"][12:24]
