"""The second stage of a search: what is reordered, its pages, and what cannot be asked. Over the
real core, with fakes at its ports."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.second_stage import reordered
from retrieval.domain import (
    Deadline,
    Hit,
    Ranked,
    Rerank,
    SearchRequest,
    SearchResponse,
    UploadReference,
    point_id,
)
from retrieval.errors import DependencyUnavailable, InvalidArgument, Reason
from tests.support.core import Core, picture, running_core, write
from tests.support.second_stages import (
    ASKED,
    DONE,
    PLAIN,
    UNAVAILABLE,
    fill,
    ids,
    probabilities,
    search,
    soon,
)
from tests.support.two_models import NEW, OLD, two_models


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with running_core(tmp_path) as core:
        yield core


def as_it_came(hit: Hit) -> Hit:
    return replace(hit, match_probability=None)


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
