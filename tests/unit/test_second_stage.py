"""The second stage of a search: over the real core, with fakes at its ports."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.second_stage import reordered
from retrieval.domain import (
    Deadline,
    Hit,
    IndexedProduct,
    Product,
    ProductReference,
    Ranked,
    Rerank,
    RerankOutcome,
    SearchRequest,
    SearchResponse,
    UploadReference,
    point_id,
)
from retrieval.errors import (
    DependencyBroken,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
    InvalidArgument,
    Reason,
    RecomposeError,
)
from tests.support.core import Core, picture, running_core, write
from tests.support.two_models import NEW, OLD, two_models

DONE, OUT_OF_TIME, UNAVAILABLE = RerankOutcome
PLAIN = SearchRequest(reference=ProductReference("p1"), modification="in red", page_size=100)
ASKED = replace(PLAIN, rerank=Rerank(10))
PRODUCTS = 30


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with running_core(tmp_path) as core:
        yield core


def soon() -> Deadline:
    return Deadline.after(10)


async def fill(core: Core, count: int = PRODUCTS) -> None:
    writes = [write(n, style=f"style {n // 3}") for n in range(count)]
    await core.catalog.import_products("", writes, soon())
    core.encoder.calls = dict.fromkeys(core.encoder.calls, 0)


async def search(core: Core, request: SearchRequest, seconds: float = 10) -> SearchResponse:
    return await core.search.search(request, Deadline.after(seconds))


def ids(response: SearchResponse) -> list[str]:
    return [hit.product.id for hit in response.hits]


def as_it_came(hit: Hit) -> Hit:
    return replace(hit, match_probability=None)


def probabilities(response: SearchResponse) -> list[float | None]:
    return [hit.match_probability for hit in response.hits]


# --- the order --------------------------------------------------------------------------------


async def test_the_first_hits_are_reordered_and_what_is_behind_stays(core: Core) -> None:
    await fill(core)
    plain, reranked = await search(core, PLAIN), await search(core, ASKED)
    assert (plain.rerank, reranked.rerank) == (None, DONE)
    assert probabilities(plain) == [None] * 29
    judged = [hit.match_probability for hit in reranked.hits[:10]]
    found = [one for one in judged if one is not None]
    assert len(found) == 10
    assert found == sorted(found, reverse=True)
    assert all(0 <= one <= 1 and one == float(np.float32(one)) for one in found)
    assert reranked.hits[10:] == plain.hits[10:]
    assert ids(reranked)[:10] != ids(plain)[:10]
    # Each with the first stage's score.
    first = sorted(map(as_it_came, reranked.hits[:10]), key=lambda hit: -hit.score)
    assert first == [*plain.hits[:10]]
    assert not reranked.degraded
    assert core.reranks == [DONE]


@pytest.mark.parametrize("depth", [1, 29, 100])
async def test_as_many_are_judged_as_were_asked_for_and_are_there(core: Core, depth: int) -> None:
    await fill(core)
    found = probabilities(await search(core, replace(ASKED, rerank=Rerank(depth))))
    assert [one is not None for one in found] == [place < depth for place in range(29)]


async def test_equal_probabilities_leave_the_order_as_it_was(core: Core) -> None:
    await fill(core)
    core.reranker.same = 0.25
    reranked = await search(core, ASKED)
    assert ids(reranked) == ids(await search(core, PLAIN))
    assert probabilities(reranked)[:11] == [0.25] * 10 + [None]


def test_probabilities_that_round_to_one_distance_are_equal() -> None:
    places = [Ranked(point_id("", str(number)), 1.0) for number in range(4)]
    judged = np.array([1e-9, 2e-9, 0.5, 0.5 + 1e-8], np.float32)
    found = reordered(places, judged)
    assert [places.index(replace(one, match_probability=None)) for one in found] == [2, 3, 0, 1]


async def test_the_reference_is_judged_only_where_it_may_be_a_hit(core: Core) -> None:
    await fill(core)
    assert "p1" not in ids(await search(core, ASKED))
    assert core.reranker.calls == [10]
    everything = replace(ASKED, rerank=Rerank(30), include_reference=True)
    reranked = await search(core, everything)
    assert "p1" in ids(reranked)
    assert None not in probabilities(reranked)


async def test_groups_are_formed_before(core: Core) -> None:
    await fill(core)
    grouped = await search(core, replace(PLAIN, group_by="style"))
    reranked = await search(core, replace(ASKED, group_by="style"))
    assert sorted(ids(reranked)) == sorted(ids(grouped))
    assert probabilities(reranked) == sorted(probabilities(reranked), key=lambda one: -(one or 0))


async def test_a_picture_of_ones_own_is_judged_with_its_words(core: Core) -> None:
    await fill(core)
    upload = replace(ASKED, reference=UploadReference(picture(1)), include_reference=True)
    by_product = replace(ASKED, include_reference=True)
    assert await search(core, upload) == await search(core, by_product)
    other = await search(core, replace(upload, modification="in blue"))
    assert probabilities(other) != probabilities(await search(core, upload))


async def test_without_hits_there_is_nothing_to_judge(core: Core) -> None:
    await fill(core, 2)
    await core.catalog.delete("", "p0", soon())
    empty = await search(core, ASKED)
    assert (empty.hits, empty.rerank) == ((), DONE)
    assert core.reranker.calls == []


async def test_a_product_deleted_before_it_is_judged_is_left_out(core: Core) -> None:
    await fill(core)
    whole = ids(await search(core, PLAIN))
    read = core.index.get

    async def get_after_a_deletion(points: list[object], deadline: Deadline) -> object:
        core.index.get = read  # type: ignore[method-assign]
        await core.catalog.delete("", whole[2], soon())
        return await read(points, deadline)  # type: ignore[arg-type]

    core.index.get = get_after_a_deletion  # type: ignore[method-assign, assignment]
    reranked = await search(core, ASKED)
    assert reranked.rerank is DONE
    assert sorted(ids(reranked)) == sorted({*whole} - {whole[2]})
    assert sum(one is not None for one in probabilities(reranked)) == 9


# --- pages ------------------------------------------------------------------------------------


async def pages(core: Core, request: SearchRequest) -> list[SearchResponse]:
    found = [await search(core, request)]
    while token := found[-1].next_page_token:
        found.append(await search(core, replace(request, page_token=token)))
    return found


@pytest.mark.parametrize("snapshots", [True, False])
async def test_pages_agree_with_the_first(core: Core, snapshots: bool) -> None:
    await fill(core)
    whole = await search(core, ASKED)
    core.snapshots.down = not snapshots
    core.reranker.calls.clear()
    found = await pages(core, replace(ASKED, page_size=7))
    assert [hit for page in found for hit in page.hits] == [*whole.hits]
    assert {page.rerank for page in found} == {DONE}
    assert [page.repeated for page in found] == [False, *[not snapshots] * 4]
    assert len(core.reranker.calls) == (1 if snapshots else 5)


async def test_later_pages_say_what_became_of_it_on_the_first(core: Core) -> None:
    await fill(core)
    core.reranker.failure = DependencyUnavailable(dependency="triton")
    request = replace(ASKED, page_size=7)
    first = await search(core, request)
    core.reranker.failure = None
    second = await search(core, replace(request, page_token=first.next_page_token))
    assert (second.rerank, second.degraded) == (UNAVAILABLE, True)
    assert [*first.hits, *second.hits] == [*(await search(core, PLAIN)).hits[:14]]
    again = await search(core, request)  # a first page is asked anew
    assert (again.rerank, again.degraded) == (DONE, False)
    second = await search(core, replace(request, page_token=first.next_page_token))
    assert second.rerank is UNAVAILABLE


@pytest.mark.parametrize("other", [PLAIN, replace(ASKED, rerank=Rerank(11))])
async def test_a_page_token_belongs_to_its_second_stage(core: Core, other: SearchRequest) -> None:
    await fill(core)
    token = (await search(core, replace(ASKED, page_size=7))).next_page_token
    with pytest.raises(InvalidArgument) as caught:
        await search(core, replace(other, page_token=token))
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


# --- what cannot be asked ---------------------------------------------------------------------


async def test_words_that_are_only_punctuation_are_no_modification(core: Core) -> None:
    await fill(core)
    with pytest.raises(InvalidArgument) as caught:
        await search(core, replace(ASKED, modification="..."))
    assert (caught.value.reason, caught.value.field) == (Reason.RERANK_QUERY_INCOMPLETE, "rerank")


async def test_a_model_without_a_second_stage_says_so(tmp_path: Path) -> None:
    with running_core(tmp_path, second_stage=False) as core:
        await fill(core)
        assert (await search(core, PLAIN)).rerank is None
        with pytest.raises(InvalidArgument) as caught:
            await search(core, ASKED)
    assert (caught.value.reason, caught.value.field) == (Reason.RERANK_NOT_SERVED, "rerank")


async def test_who_pages_in_an_older_model_without_a_second_stage_is_told(tmp_path: Path) -> None:
    with two_models(tmp_path) as shop:
        await shop.catalog.import_products("", [write(n) for n in range(9)], soon())
        first = await shop.search.search(replace(PLAIN, page_size=2), soon())
        await shop.move(NEW)
        await shop.catalog.import_products("", [write(n) for n in range(9)], soon())
        assert (await shop.search.search(ASKED, soon())).rerank is DONE
        with pytest.raises(InvalidArgument) as caught:
            await shop.search.search(replace(ASKED, page_token=first.next_page_token), soon())
        assert caught.value.reason is Reason.RERANK_NOT_SERVED
        await shop.move(OLD)
        with pytest.raises(InvalidArgument) as caught:
            await shop.search.search(ASKED, soon())
        assert caught.value.reason is Reason.RERANK_NOT_SERVED


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


def lose(product: Product, folder: Path) -> None:
    """Remove a product's picture from the store in the folder."""
    (file,) = folder.rglob(f"*{product.image_sha256}*")
    file.unlink()


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
