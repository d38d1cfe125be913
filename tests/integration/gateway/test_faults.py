"""A real gateway whose Triton, index and Redis go bad: what callers get, how fast, and after it.

Each test harms one way, asks on both edges, and lets it heal: the gateway recovers by itself,
always the same process. Budgets are the defaults.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from qdrant_client import models

from tests.support.edges import grpc_refusal
from tests.support.fault_proxy import FaultProxy
from tests.support.faulty_shop import FaultyShop, faulty_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_GRPC = b"HTTP/1.1 400 Bad Request\r\n\r\n"
# To HTTP/2 these are good so far: the head of a large frame of a kind that nobody knows, whose
# content is all that follows; and frames without content, then the first byte of another.
SWALLOWING = {
    "the head of a large frame": b"\x00\x3f\xff\x50" + bytes(5) + b"x" * 20,
    "frames, and one byte more": bytes(9 * 7 + 1),
}
# To find a healed part, from the worst state of its connection, on a machine that is busy.
RECOVERY_S = 8
# What an answer takes beside the budget that it waits for, on a machine that is busy.
SLACK_S = 0.25


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultyShop]:
    async with faulty_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest_asyncio.fixture(loop_scope="module")
async def shop(running: FaultyShop) -> AsyncIterator[FaultyShop]:
    """The shop, whole; whatever a test did to it is mended, and it recovers."""
    yield running
    for way in (running.triton, running.qdrant, running.redis):
        await way.heal()
    await running.recovers()
    assert running.gateway.poll() is None


# --- Triton -----------------------------------------------------------------------------------


async def test_without_triton_the_cache_answers_and_the_rest_is_unavailable_at_once(
    shop: FaultyShop,
) -> None:
    known = shop.new_words()
    await shop.answers(known)
    before = await shop.counted("triton", "unavailable")
    await shop.triton.refuse()
    assert await shop.fails(503, "UNAVAILABLE", "DEPENDENCY_UNAVAILABLE") < 0.3
    await shop.unready("triton")
    # By now the channel knows, and asks nobody: it is the breaker.
    assert await shop.fails(503, "UNAVAILABLE", "DEPENDENCY_UNAVAILABLE") < 0.05
    assert await shop.counted("triton", "unavailable") > before
    await answers_degraded(shop, known)
    await shop.triton.heal()
    await shop.recovers()
    assert not (await shop.ask(known)).json().get("degraded", False)


async def answers_degraded(shop: FaultyShop, known: str) -> None:
    """Both edges answer from the cache and say so; a cache that is late on a busy machine is asked
    again, since nobody is there to compute what it does not give."""
    for _ in range(10):
        answer = await shop.ask(known)
        if answer.status_code == 503:
            continue
        assert answer.json()["degraded"] is True
        with contextlib.suppress(grpc.aio.AioRpcError):
            assert (await shop.call(known)).degraded
            return
    raise AssertionError("the cache answered nothing")


async def test_a_triton_that_hangs_costs_its_budget(shop: FaultyShop) -> None:
    before = await shop.counted("triton", "timeout")
    shop.triton.stall()
    seconds = await shop.fails(504, "DEADLINE_EXCEEDED", "DEPENDENCY_TIMEOUT", opens=True)
    assert 0.25 < seconds < 0.3 + SLACK_S
    assert await shop.counted("triton", "timeout") > before


@pytest.mark.parametrize("part", ["triton", "qdrant"])
async def test_a_part_that_goes_on_hanging_is_left_alone(shop: FaultyShop, part: str) -> None:
    way: FaultProxy = getattr(shop, part)
    before = await shop.counted(part, "open")
    way.stall()
    await shop.unready(part)
    async with asyncio.timeout(30):
        while await shop.counted(part, "open") == before:
            await shop.ask()
    # All but one trial a second, which some other caller's or the probe's may be, end at once.
    took_s = []
    for _ in range(8):
        began_s = time.monotonic()
        answer = await shop.ask()
        if answer.status_code == 503:
            took_s.append(time.monotonic() - began_s)
            assert answer.headers["retry-after"] == "1"
    assert min(took_s) < 0.05
    await way.heal()
    await shop.recovers()


async def test_a_triton_that_is_late_is_waited_for_within_its_budget(shop: FaultyShop) -> None:
    shop.triton.delay(0.5)
    late = await shop.fails(504, "DEADLINE_EXCEEDED", "DEPENDENCY_TIMEOUT", opens=True)
    assert late < 0.3 + SLACK_S
    shop.triton.delay(0.02)
    await shop.recovers()


async def test_an_answer_of_triton_that_drips_costs_its_budget(shop: FaultyShop) -> None:
    shop.triton.throttle(100)
    dripping = await shop.fails(504, "DEADLINE_EXCEEDED", "DEPENDENCY_TIMEOUT", opens=True)
    assert dripping < 0.3 + SLACK_S


async def test_what_is_no_grpc_is_no_triton(shop: FaultyShop) -> None:
    shop.triton.garbage(NO_GRPC)
    shop.triton.reset()
    assert await shop.fails(503, "UNAVAILABLE", "DEPENDENCY_UNAVAILABLE") < 0.3


@pytest.mark.parametrize("case", SWALLOWING)
async def test_a_connection_of_tritons_that_swallows_all_that_comes_is_replaced(
    shop: FaultyShop, case: str
) -> None:
    """It does not end by itself, nor does gRPC's keepalive end it: bytes do come."""
    shop.triton.garbage(SWALLOWING[case])
    assert (await shop.ask()).status_code in (502, 503, 504)
    await shop.unready("triton")
    await shop.triton.heal()
    async with asyncio.timeout(RECOVERY_S):
        await shop.recovers()


# --- the index --------------------------------------------------------------------------------


async def test_without_the_index_searches_are_unavailable_at_once(shop: FaultyShop) -> None:
    before = await shop.counted("qdrant", "unavailable")
    await shop.qdrant.refuse()
    assert await shop.fails(503, "UNAVAILABLE", "DEPENDENCY_UNAVAILABLE") < 0.25
    await shop.unready("qdrant")
    assert await shop.counted("qdrant", "unavailable") > before


async def test_an_index_that_hangs_costs_its_budget(shop: FaultyShop) -> None:
    before = await shop.counted("qdrant", "timeout")
    shop.qdrant.stall()
    seconds = await shop.fails(504, "DEADLINE_EXCEEDED", "DEPENDENCY_TIMEOUT", opens=True)
    assert 0.15 < seconds < 0.2 + SLACK_S
    assert await shop.counted("qdrant", "timeout") > before


async def test_what_is_no_grpc_is_no_index(shop: FaultyShop) -> None:
    shop.qdrant.garbage(NO_GRPC)
    shop.qdrant.reset()
    assert await shop.fails(503, "UNAVAILABLE", "DEPENDENCY_UNAVAILABLE") < 0.25


@pytest.mark.parametrize("case", SWALLOWING)
async def test_a_connection_of_the_index_that_swallows_all_that_comes_is_replaced(
    shop: FaultyShop, case: str
) -> None:
    shop.qdrant.garbage(SWALLOWING[case])
    assert (await shop.ask()).status_code in (502, 503, 504)
    await shop.unready("qdrant")
    await shop.qdrant.heal()
    async with asyncio.timeout(RECOVERY_S):
        await shop.recovers()


async def test_an_alias_that_names_another_model_ends_readiness_and_nothing_else(
    shop: FaultyShop,
) -> None:
    """The gateway has no bundle of the model named: it says so, and answers from its own space."""
    client = shop.index.async_client()
    (alias,) = (await client.get_aliases()).aliases
    other = "products_0123456789ab"
    await client.create_collection(
        other, vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT)
    )

    async def point_at(collection: str) -> None:
        delete = models.DeleteAlias(alias_name=alias.alias_name)
        create = models.CreateAlias(collection_name=collection, alias_name=alias.alias_name)
        await client.update_collection_aliases(
            [
                models.DeleteAliasOperation(delete_alias=delete),
                models.CreateAliasOperation(create_alias=create),
            ]
        )

    try:
        await point_at(other)
        await shop.unready("another model")
        await shop.answers()
        while await shop.metric("recompose_model_matches_index") != 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    finally:
        await point_at(alias.collection_name)
        await shop.recovers()
        await client.delete_collection(other)
        await client.close()


# --- Redis ------------------------------------------------------------------------------------


async def test_without_redis_everything_is_answered(shop: FaultyShop) -> None:
    before = await shop.counted("redis", "unavailable")
    await shop.redis.refuse()
    await shop.answers()
    assert await shop.counted("redis", "unavailable") > before
    assert await shop.counted("redis", "open") > 0  # its breaker spares the rest the try


async def test_a_redis_that_hangs_costs_next_to_nothing(shop: FaultyShop) -> None:
    before = await shop.counted("redis", "timeout")
    shop.redis.stall()
    await shop.answers()
    assert await shop.counted("redis", "timeout") > before
    # Once its breaker is open, no search waits for it.
    assert await shop.answers() < SLACK_S


async def test_a_redis_that_answers_garbage_is_done_without(shop: FaultyShop) -> None:
    shop.redis.garbage(b"$x\r\n")
    await shop.answers()
    shop.redis.garbage(NO_GRPC)
    await shop.answers()


async def test_a_redis_that_comes_back_is_used_again(shop: FaultyShop) -> None:
    await shop.redis.refuse()
    await shop.answers()
    await shop.redis.heal()
    words = shop.new_words()
    hits = 'recompose_cache_lookups_total{outcome="hit"}'
    before, end_s = await shop.metric(hits), time.monotonic() + 20
    while await shop.metric(hits) == before:
        assert time.monotonic() < end_s, "the cache is not used again"
        await shop.answers(words)
        await asyncio.sleep(1.1)  # for a second the gateway itself keeps what it computed


# --- any of them ------------------------------------------------------------------------------


async def test_a_connection_that_is_cut_is_noticed_by_nobody_who_asks_later(
    shop: FaultyShop,
) -> None:
    for way in (shop.triton, shop.qdrant, shop.redis):
        for harm in (FaultProxy.cut, FaultProxy.reset):
            harm(way)
            await asyncio.sleep(0.1)
            await shop.recovers()


async def test_a_shorter_deadline_of_the_caller_is_kept(shop: FaultyShop) -> None:
    shop.triton.stall()
    seconds = []
    for _ in range(3):
        began_s = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await shop.call(timeout=0.1)
        seconds.append(time.monotonic() - began_s)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert min(seconds) < 0.2


async def test_with_every_part_away_it_lives_and_says_so(shop: FaultyShop) -> None:
    for way in (shop.triton, shop.qdrant, shop.redis):
        await way.refuse()
    assert await shop.fails(503, "UNAVAILABLE", "DEPENDENCY_UNAVAILABLE") < 0.3
    assert (await shop.rest.get("/healthz")).status_code == 200
    await shop.unready()
    assert (await grpc_refusal(shop.call())).message.isascii()
