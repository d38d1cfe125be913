"""Which model a request is answered by, while the alias moves; the fakes stand at the ports."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from gateway import spaces as spaces_module
from retrieval.domain import (
    Deadline,
    ImportOutcome,
    IndexedProduct,
    Pooled,
    ProductReference,
    SearchRequest,
    SearchResponse,
    Tuning,
    UploadReference,
    point_id,
)
from retrieval.errors import (
    DependencyUnavailable,
    InvalidArgument,
    NotFound,
    Reason,
    ServiceUnavailable,
)
from tests.support.core import picture, write
from tests.support.fake_encoder import SIZES
from tests.support.fake_models import spaces_over
from tests.support.index_cases import random_tokens
from tests.support.two_models import NEW, OLD, TwoModels, two_models

THIRD = "2" * 12
COUNT = 30


@pytest.fixture
def models(tmp_path: Path) -> Iterator[TwoModels]:
    with two_models(tmp_path) as both:
        yield both


def soon() -> Deadline:
    return Deadline.after(10)


async def fill(models: TwoModels) -> None:
    """Import into the old model, and the same products by hand into the new one."""
    await models.spaces.refresh()
    await models.catalog.import_products("", [write(n) for n in range(COUNT)], soon())
    tokens = random_tokens(COUNT, seed=4, query_tokens=SIZES.query_tokens, embed_dim=16)
    products, _ = await models.indexes[OLD].list("default", COUNT, None, soon())
    items = [IndexedProduct(one, tokens[n]) for n, one in enumerate(products)]
    await models.indexes[NEW].put_copies(items, soon())


async def search(models: TwoModels, **changes: object) -> SearchResponse:
    request = SearchRequest(modification="in red", page_size=10)
    return await models.search.search(replace(request, **changes), soon())  # type: ignore[arg-type]


def scores(response: SearchResponse) -> list[float]:
    return [hit.score for hit in response.hits]


async def test_a_request_is_answered_by_the_model_that_the_alias_names(models: TwoModels) -> None:
    await fill(models)
    old = await search(models)
    await models.move(NEW)
    new = await search(models)
    await models.move(OLD)
    assert scores(await search(models)) == scores(old) != scores(new)


async def test_a_search_ends_in_the_model_that_it_began_in(models: TwoModels) -> None:
    await fill(models)
    expected = await search(models, reference=UploadReference(picture(3)))
    entered, go_on = asyncio.Event(), asyncio.Event()
    whole = models.indexes[OLD].search

    async def held_up(*arguments: object) -> object:
        entered.set()
        await go_on.wait()
        return await whole(*arguments)  # type: ignore[arg-type]

    models.indexes[OLD].search = held_up  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(search(models, reference=UploadReference(picture(3))))
    await entered.wait()
    await models.move(NEW)
    go_on.set()
    assert scores(await running) == scores(expected)


async def test_a_ranking_is_paged_under_its_own_model(models: TwoModels) -> None:
    await fill(models)
    whole = await search(models, page_size=30)
    first = await search(models)
    await models.move(NEW)
    for down in (False, True):  # with its snapshot, and searched again without
        models.snapshots.down = down
        second = await search(models, page_token=first.next_page_token)
        assert scores(second) == scores(whole)[10:20]
        assert second.repeated == down


async def test_a_ranking_of_a_retired_model_is_refused_with_its_own_reason(
    models: TwoModels,
) -> None:
    await fill(models)
    first = await search(models)
    await models.move(NEW)
    await models.registry.drop(OLD, soon())
    models.indexes[OLD].failure = ServiceUnavailable(Reason.MODEL_MISMATCH)
    models.snapshots.down = True
    for _ in range(2):  # before this replica notices, and after it
        with pytest.raises(InvalidArgument) as caught:
            await search(models, page_token=first.next_page_token)
        assert caught.value.reason is Reason.PAGE_TOKEN_EXPIRED
        await models.spaces.refresh()
    assert models.spaces.of(OLD) is None


async def test_an_alias_at_a_model_that_is_not_here_leaves_the_old_answers(
    models: TwoModels,
) -> None:
    await fill(models)
    expected = scores(await search(models))
    models.registry.live = THIRD
    with pytest.raises(ServiceUnavailable):
        await models.spaces.refresh()
    assert not models.spaces.follows
    assert scores(await search(models)) == expected
    with pytest.raises(ServiceUnavailable):  # but nothing may be written to the old collection
        await models.catalog.import_products("", [write(99)], soon())
    assert point_id("default", "p99") not in await models.indexes[OLD].get(
        [point_id("default", "p99")], soon()
    )


async def test_a_model_that_does_not_answer_is_not_followed_until_it_does(
    models: TwoModels,
) -> None:
    await fill(models)
    expected = scores(await search(models))
    models.encoders[NEW].failure = DependencyUnavailable(dependency="triton")
    models.registry.live = NEW
    with pytest.raises(DependencyUnavailable):
        await models.spaces.refresh()
    assert scores(await search(models)) == expected
    models.encoders[NEW].failure = None
    await models.spaces.refresh()
    assert scores(await search(models)) != expected


async def test_a_model_goes_live_with_its_own_tuning(models: TwoModels) -> None:
    await fill(models)
    tuning = Tuning(Pooled(700), recall=1.0, products=COUNT, sample=10, audited_at_s=1.7e9)
    models.indexes[NEW].kept = tuning
    await models.move(NEW)
    assert models.spaces.live.tuned.current == tuning


async def test_a_write_that_the_move_overtook_is_made_in_the_new_model(models: TwoModels) -> None:
    await fill(models)
    encode = models.encoders[OLD].encode_gallery

    async def moved_meanwhile(*arguments: object) -> object:
        await models.move(NEW)
        return await encode(*arguments)  # type: ignore[arg-type]

    models.encoders[OLD].encode_gallery = moved_meanwhile  # type: ignore[method-assign, assignment]
    (result,) = await models.catalog.import_products("", [write(50)], soon())
    assert result.outcome is ImportOutcome.IMPORTED
    wanted = [point_id("default", "p50")]
    assert not await models.indexes[OLD].get(wanted, soon())
    assert await models.indexes[NEW].get(wanted, soon())


async def test_a_write_looks_at_the_alias_again_when_its_word_is_old(
    models: TwoModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(models)
    models.registry.live = NEW  # and the watch that would see it stands still
    monkeypatch.setattr(spaces_module, "TRUSTED_S", 3600.0)
    await models.spaces.allow_write(OLD, soon())
    monkeypatch.setattr(spaces_module, "TRUSTED_S", 0.0)
    with pytest.raises(ServiceUnavailable):
        await models.spaces.allow_write(OLD, soon())
    await models.spaces.allow_write(NEW, soon())
    models.registry.failure = DependencyUnavailable(dependency="qdrant")
    with pytest.raises(DependencyUnavailable):
        await models.spaces.allow_write(NEW, soon())


async def test_a_product_is_deleted_from_every_model(models: TwoModels) -> None:
    await fill(models)
    await models.catalog.delete("", "p3", soon())
    for index in models.indexes.values():
        assert not await index.get([point_id("default", "p3")], soon())
    with pytest.raises(NotFound):
        await models.catalog.delete("", "p3", soon())


async def test_a_delete_that_the_move_overtook_is_done_and_no_error(models: TwoModels) -> None:
    await fill(models)
    elsewhere = models.registry.delete_from

    async def moved_meanwhile(*arguments: object) -> None:
        await elsewhere(*arguments)  # type: ignore[arg-type]
        await models.move(NEW)

    models.registry.delete_from = moved_meanwhile  # type: ignore[method-assign]
    await models.catalog.delete("", "p3", soon())
    for index in models.indexes.values():
        assert not await index.get([point_id("default", "p3")], soon())


async def test_the_watch_follows_the_alias_and_keeps_up_what_a_space_needs(
    models: TwoModels,
) -> None:
    running: set[str] = set()

    async def watch(name: str) -> None:
        running.add(name)
        try:
            await asyncio.Event().wait()
        finally:
            running.discard(name)

    old, space = (
        replace(models.by_model[model], watches=(partial(watch, model),)) for model in (OLD, NEW)
    )
    spaces = spaces_over(models.registry, old, space)
    task = asyncio.create_task(spaces.watch())
    async with asyncio.timeout(10):
        while running != {OLD, NEW}:  # noqa: ASYNC110 - what is polled has no event
            await asyncio.sleep(0.002)
        models.registry.live = NEW
        while spaces.live is not space:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)
        models.registry.live = OLD
        while spaces.live is space:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)
        del models.registry.indexes[NEW]  # retired
        while running != {OLD}:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)
        assert spaces.of(NEW) is None
        # The bundle that a process was started with is kept, but not looked after, once retired.
        models.registry.indexes |= {NEW: models.indexes[NEW]}
        models.registry.live = NEW
        while spaces.live.model != NEW:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)
        del models.registry.indexes[OLD]
        while running != {NEW}:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_reference_of_the_catalog_is_searched_in_the_live_model(
    models: TwoModels,
) -> None:
    await fill(models)
    await models.move(NEW)
    before = dict(models.encoders[OLD].calls)
    response = await search(models, reference=ProductReference("p4"))
    assert len(response.hits) == 10
    assert models.encoders[OLD].calls == before
