"""The second stage of a search: when its time ends, what fails, and what it holds in memory, over
the real core with fakes at its ports."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.domain import (
    IndexedProduct,
    Product,
    ProductReference,
    Rerank,
    RerankOutcome,
    point_id,
)
from retrieval.errors import (
    DependencyBroken,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
    RecomposeError,
)
from tests.support.core import Core, running_core
from tests.support.second_stages import (
    ASKED,
    DONE,
    OUT_OF_TIME,
    PLAIN,
    UNAVAILABLE,
    fill,
    ids,
    lose,
    search,
    soon,
)


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with running_core(tmp_path) as core:
        yield core


# --- time -------------------------------------------------------------------------------------


async def test_one_that_takes_too_long_leaves_the_first_stages_order(tmp_path: Path) -> None:
    with running_core(tmp_path, rerank_budget_s=0.3) as core:
        await fill(core)
        plain = await search(core, PLAIN)
        core.reranker.takes_s = 20
        began_s = time.monotonic()
        late = await search(core, ASKED)
        assert time.monotonic() - began_s < 3
        assert (late.hits, late.rerank, late.degraded) == (plain.hits, OUT_OF_TIME, False)
        assert core.reranks == [OUT_OF_TIME]


async def test_an_answer_tells_how_much_of_its_time_was_the_second_stages(core: Core) -> None:
    await fill(core)
    core.reranker.takes_s = 0.05
    request = replace(ASKED, page_size=7)
    first = await search(core, request)
    assert first.second_stage_s >= 0.05
    second = await search(core, replace(request, page_token=first.next_page_token))
    assert second.second_stage_s == (await search(core, PLAIN)).second_stage_s == 0


async def test_it_ends_before_the_requests_own_time(core: Core) -> None:
    await fill(core)
    await search(core, PLAIN)
    core.reranker.takes_s = 20
    began_s = time.monotonic()
    late = await search(core, ASKED, seconds=1)
    assert time.monotonic() - began_s < 1
    assert late.rerank is OUT_OF_TIME


async def test_a_request_that_has_no_time_for_it_judges_nothing(tmp_path: Path) -> None:
    with running_core(tmp_path, page_reserve_s=5.0) as core:
        await fill(core)
        await search(core, PLAIN)
        core.encoder.calls = dict.fromkeys(core.encoder.calls, 0)
        late = await search(core, ASKED, seconds=4)
        assert late.rerank is OUT_OF_TIME
        assert (core.encoder.calls["encode_images"], core.reranker.calls) == (0, [])


async def test_what_was_computed_when_the_time_ended_is_there_for_the_next(tmp_path: Path) -> None:
    with running_core(tmp_path, rerank_budget_s=0.8) as core:
        await fill(core)
        await search(core, PLAIN)
        core.encoder.takes_s = 0.3  # for one picture, so that each goes alone, two at a time
        outcomes: list[RerankOutcome | None] = []
        while DONE not in outcomes and len(outcomes) < 10:
            outcomes.append((await search(core, replace(ASKED, rerank=Rerank(6)))).rerank)
        assert outcomes[0] is OUT_OF_TIME
        assert outcomes[-1] is DONE


# --- what fails -------------------------------------------------------------------------------

FAILURES: dict[str, tuple[RecomposeError, RerankOutcome]] = {
    "away": (DependencyUnavailable(dependency="triton"), UNAVAILABLE),
    "full": (DependencyExhausted(dependency="triton"), UNAVAILABLE),
    "answers garbage": (DependencyBroken(dependency="triton"), UNAVAILABLE),
    "hangs": (DependencyTimeout(dependency="triton"), OUT_OF_TIME),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_reranker_that_fails_leaves_the_first_stages_order(core: Core, name: str) -> None:
    await fill(core)
    plain = await search(core, PLAIN)
    core.reranker.failure, outcome = FAILURES[name]
    failed = await search(core, ASKED)
    assert (failed.hits, failed.rerank) == (plain.hits, outcome)
    assert failed.degraded == (outcome is UNAVAILABLE)
    core.reranker.failure = None
    assert (await search(core, ASKED)).rerank is DONE


async def test_candidates_that_cannot_be_embedded_leave_the_first_stages_order(core: Core) -> None:
    await fill(core)
    plain = await search(core, PLAIN)
    core.encoder.failure = DependencyUnavailable(dependency="triton")
    failed = await search(core, ASKED)
    assert (failed.hits, failed.rerank, failed.degraded) == (plain.hits, UNAVAILABLE, True)
    core.encoder.failure = None
    done = await search(core, ASKED)
    core.encoder.failure = DependencyUnavailable(dependency="triton")
    assert await search(core, ASKED) == done  # out of the cache


async def test_a_candidate_whose_picture_is_lost_leaves_the_first_stages_order(
    core: Core, tmp_path: Path
) -> None:
    await fill(core)
    plain = await search(core, PLAIN)
    lose(plain.hits[4].product, tmp_path)
    failed = await search(core, ASKED)
    assert (failed.hits, failed.rerank, failed.degraded) == (plain.hits, UNAVAILABLE, True)
    assert (await search(core, replace(ASKED, rerank=Rerank(4)))).rerank is DONE


async def test_a_candidate_without_a_picture_leaves_the_first_stages_order(core: Core) -> None:
    await fill(core)
    tokens = core.index.tokens_of(point_id("default", "p1"))
    bare = Product("bare", "A product that was restored without its picture", {})
    await core.index.put([IndexedProduct(bare, tokens)], soon())
    plain = await search(core, PLAIN)
    place = ids(plain).index("bare")
    failed = await search(core, replace(ASKED, rerank=Rerank(place + 1)))
    assert (failed.hits, failed.rerank) == (plain.hits, UNAVAILABLE)


async def test_a_bug_is_no_outcome(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(core)

    async def match(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(core.reranker, "match", match)
    with pytest.raises(ZeroDivisionError):
        await search(core, ASKED)


# --- embeds and memory ------------------------------------------------------------------------


async def test_candidates_are_embedded_once_and_share_entries_with_references(core: Core) -> None:
    await fill(core)
    reranked = await search(core, ASKED)
    assert core.candidates == {"computed": 10}
    calls = core.encoder.calls["encode_images"]
    assert (await search(core, ASKED)).hits == reranked.hits
    assert core.candidates == {"computed": 10, "cache": 10}
    for product_id in ids(reranked)[:10]:
        await search(core, replace(PLAIN, reference=ProductReference(product_id)))
    assert core.encoder.calls["encode_images"] == calls


async def test_the_reference_as_a_candidate_is_in_the_cache_already(core: Core) -> None:
    await fill(core)
    await search(core, replace(ASKED, rerank=Rerank(30), include_reference=True))
    assert core.candidates == {"computed": 29, "cache": 1}


async def test_pictures_that_come_while_the_encoder_is_busy_are_one_batch(core: Core) -> None:
    await fill(core)
    await search(core, PLAIN)
    core.encoder.calls = dict.fromkeys(core.encoder.calls, 0)
    core.encoder.takes_s = 0.1
    assert (await search(core, replace(ASKED, rerank=Rerank(29)))).rerank is DONE
    # 29 pictures, at most four at once here; the first ones teach how many fit.
    assert core.encoder.calls["encode_images"] < 20


@pytest.mark.parametrize(
    ("depth", "calls"), [(16, [16]), (17, [9, 8]), (29, [15, 14]), (33, [11, 11, 11])]
)
async def test_at_most_sixteen_are_judged_in_one_call(
    core: Core, depth: int, calls: list[int]
) -> None:
    await fill(core, depth + 1)
    await search(core, replace(ASKED, rerank=Rerank(depth)))
    assert core.reranker.calls == calls


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., AbstractContextManager[Core]]:
    """A core with room for the candidates of one call."""
    return lambda **options: running_core(tmp_path, candidate_bytes=2 * 15 * 160, **options)


async def test_what_finds_no_room_waits_for_it(
    small: Callable[..., AbstractContextManager[Core]],
) -> None:
    with small() as core:
        await fill(core)
        core.reranker.takes_s = 0.02
        request = replace(ASKED, rerank=Rerank(29))
        found = await asyncio.gather(*(search(core, request) for _ in range(3)))
        assert [one.rerank for one in found] == [DONE] * 3
        assert len(core.reranker.calls) == 6
        assert core.reranker.at_once == 1


async def test_a_bounded_number_of_calls_is_with_the_model_at_once(core: Core) -> None:
    await fill(core)
    await search(core, replace(ASKED, rerank=Rerank(29)))
    core.reranker.takes_s = 0.05
    request = replace(ASKED, rerank=Rerank(29))
    found = await asyncio.gather(*(search(core, request) for _ in range(20)))
    assert [one.rerank for one in found] == [DONE] * 20
    assert core.reranker.at_once == 16


async def test_who_does_not_get_in_in_time_is_out_of_time(
    small: Callable[..., AbstractContextManager[Core]],
) -> None:
    with small(rerank_budget_s=1.5) as core:
        await fill(core)
        await search(core, replace(ASKED, rerank=Rerank(15)))  # all are in the cache
        core.reranker.takes_s = 1.0
        request = replace(ASKED, rerank=Rerank(15))
        found = await asyncio.gather(*(search(core, request) for _ in range(3)))
        assert [one.rerank for one in found] == [DONE, OUT_OF_TIME, OUT_OF_TIME]
        core.reranker.takes_s = 0
        assert (await search(core, request)).rerank is DONE  # its room came back


async def test_a_search_that_is_cancelled_gives_its_room_back(
    small: Callable[..., AbstractContextManager[Core]],
) -> None:
    with small() as core:
        await fill(core)
        core.reranker.takes_s = 4
        asked = [asyncio.create_task(search(core, ASKED)) for _ in range(3)]
        while not core.reranker.calls:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for one in asked:
            one.cancel()
        await asyncio.wait(asked)
        core.reranker.takes_s = 0
        assert (await search(core, ASKED)).rerank is DONE


async def test_a_search_that_is_cancelled_leaves_others_what_they_wait_for(core: Core) -> None:
    await fill(core)
    await search(core, PLAIN)
    core.encoder.takes_s = 0.05
    first = asyncio.create_task(search(core, ASKED))
    await asyncio.sleep(0.03)
    second = asyncio.create_task(search(core, ASKED))
    await asyncio.sleep(0.03)
    first.cancel()
    assert (await second).rerank is DONE
    assert first.cancelled()
