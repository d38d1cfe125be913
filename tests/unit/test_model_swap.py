"""The steps of a model swap: what each does, what it refuses, and that it may be cut anywhere."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tenacity import AsyncRetrying

from gateway.model_swap import parts
from gateway.model_swap.backfill import backfill
from gateway.model_swap.change import SETTLE_S, rollback, settle, switch
from gateway.model_swap.compare import compare
from gateway.model_swap.parts import SwapRefused
from gateway.model_swap.retire import retire
from gateway.model_swap.status import status
from retrieval.domain import Deadline, IndexedProduct, Pooled, SwapRecord, Tuning
from retrieval.errors import DependencyUnavailable, ServiceUnavailable
from tests.support.core import write
from tests.support.index_cases import random_tokens
from tests.support.swap import Swap, swapping
from tests.support.two_models import NEW, OLD

COUNT = 30


@pytest.fixture
def swap(tmp_path: Path) -> Iterator[Swap]:
    with swapping(tmp_path) as made:
        yield made


def soon() -> Deadline:
    return Deadline.after(10)


async def fill(swap: Swap, count: int = COUNT) -> None:
    await swap.models.spaces.refresh()
    writes = [write(n, color="red") for n in range(count)]
    await swap.models.catalog.import_products("", writes, soon())
    await swap.models.catalog.import_products("other", writes[:3], soon())


async def audited(swap: Swap, products: int | None = None) -> None:
    index = swap.models.indexes[NEW]
    products = await index.count(soon()) if products is None else products
    await index.keep(Tuning(Pooled(200), 1.0, products, 10, 1.7e9), soon())


async def to_new(swap: Swap, leave_out: int = 0) -> None:
    await switch(swap.parts, NEW, change_share=0.1, leave_out=leave_out)


async def lose_picture(swap: Swap, product_id: str) -> None:
    """Have one product's picture vanish from the image store."""
    product = (await swap.contents(OLD))[product_id]
    (found,) = [*swap.models.images._root.rglob(f"{product.image_sha256}*")]
    found.unlink()


# --- backfill -----------------------------------------------------------------------------------


async def test_a_backfill_embeds_every_product_of_every_catalog_under_the_new_model(
    swap: Swap,
) -> None:
    await fill(swap)
    assert await backfill(swap.parts, NEW) == 0
    old, new = swap.models.indexes[OLD], swap.models.indexes[NEW]
    assert await new.count(soon()) == await old.count(soon()) == COUNT + 3
    pages = [(await index.held_page(100, None, soon()))[0] for index in (old, new)]
    assert [held.product for held in pages[0]] == [held.product for held in pages[1]]
    # As an import under the new model would have embedded them.
    await swap.models.move(NEW)
    await swap.models.catalog.import_products("fresh", [write(3)], soon())
    fresh, _ = await new.list("fresh", 1, None, soon())
    copied = (await new.list("default", 100, None, soon()))[0]
    same = next(product for product in copied if product.id == "p3")
    np.testing.assert_array_equal(new.tokens_of(fresh[0].point_id), new.tokens_of(same.point_id))


async def test_what_is_there_already_costs_no_inference(swap: Swap) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    calls = dict(swap.models.encoders[NEW].calls)
    assert await backfill(swap.parts, NEW) == 0
    assert swap.models.encoders[NEW].calls == calls
    assert "0 embedded, 0 updated, 0 deleted" in swap.said[-1]


async def test_changes_and_deletions_follow_and_only_new_pictures_are_embedded(
    swap: Swap,
) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    await swap.models.spaces.refresh()  # gateways know of the new collection within a second
    calls = swap.models.encoders[NEW].calls["encode_images"]
    renamed = replace(write(1, color="blue"), title="Another title")
    shown = replace(write(2), image=write(77).image)
    await swap.models.catalog.import_products("", [renamed, shown, write(88)], soon())
    await swap.models.catalog.delete("", "p4", soon())
    assert await backfill(swap.parts, NEW) == 0
    assert await swap.contents(NEW) == await swap.contents(OLD)
    assert swap.models.encoders[NEW].calls["encode_images"] == calls + 1
    assert "2 embedded, 1 updated, 0 deleted" in swap.said[-1]  # gateways deleted it themselves


async def test_a_deletion_that_a_gateway_did_not_make_everywhere_is_made(swap: Swap) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    gone = (await swap.contents(OLD))["p4"].point_id
    await swap.models.indexes[OLD].delete([gone], soon())
    await backfill(swap.parts, NEW)
    assert await swap.contents(NEW) == await swap.contents(OLD)
    assert "1 deleted" in swap.said[-1]


async def test_a_product_without_its_picture_is_named_and_counted(swap: Swap) -> None:
    await fill(swap)
    await lose_picture(swap, "p5")
    assert await backfill(swap.parts, NEW) == 1
    assert [line for line in swap.said if line.startswith("left out: default/p5,")]
    assert swap.said[-1].endswith("1 left out")
    assert set(await swap.contents(OLD)) - set(await swap.contents(NEW)) == {"p5"}


async def test_there_is_nothing_to_backfill_the_live_model_from(swap: Swap) -> None:
    await fill(swap)
    with pytest.raises(SwapRefused, match="live already"):
        await backfill(swap.parts, OLD)
    swap.models.registry.live = None
    with pytest.raises(SwapRefused, match="no model is live"):
        await backfill(swap.parts, NEW)


async def test_a_busy_part_is_waited_for_and_a_dead_one_is_an_error(
    swap: Swap, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited_s: list[float] = []

    async def at_once(seconds: float) -> None:
        waited_s.append(seconds)

    monkeypatch.setattr(parts, "AsyncRetrying", partial(AsyncRetrying, sleep=at_once))
    await fill(swap)
    failures = 0

    async def failing(name: str) -> None:
        nonlocal failures
        if name == "put_copies" and failures < 3:
            failures += 1
            raise DependencyUnavailable(dependency="qdrant")

    swap.hook = failing
    assert await backfill(swap.parts, NEW) == 0
    assert failures == 3
    assert waited_s == [0.5, 1, 2]
    waited_s.clear()
    failures = -100
    await swap.models.catalog.import_products("", [write(99)], soon())
    with pytest.raises(DependencyUnavailable):
        await backfill(swap.parts, NEW)
    assert 10 < sum(waited_s) < 60


# --- switching ----------------------------------------------------------------------------------


async def test_forward_back_and_forward_again(swap: Swap) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    await audited(swap)
    for _ in range(2):
        await to_new(swap)
        assert swap.models.registry.live == NEW
        await swap.models.spaces.refresh()
        await swap.models.catalog.import_products("", [write(50)], soon())
        await swap.models.catalog.delete("", "p50", soon())
        await swap.models.catalog.import_products("", [replace(write(2), title="N")], soon())
        await rollback(swap.parts)
        assert swap.models.registry.live == OLD
        await swap.models.spaces.refresh()
        assert await swap.contents(NEW) == await swap.contents(OLD)
    assert len(swap.slept_s) == 4
    assert set(swap.slept_s) == {SETTLE_S}


async def test_a_step_that_is_not_due_is_refused_with_a_sentence_and_changes_nothing(
    swap: Swap,
) -> None:
    await fill(swap)
    with pytest.raises(SwapRefused, match=r"backfill .* has not ended"):
        await to_new(swap)
    with pytest.raises(SwapRefused, match="no model to roll back to"):
        await rollback(swap.parts)
    await backfill(swap.parts, NEW)
    with pytest.raises(SwapRefused, match="was not audited"):
        await to_new(swap)
    await audited(swap, products=5)
    with pytest.raises(SwapRefused, match="saw 5 products, and there are 33 now"):
        await to_new(swap)
    await audited(swap)
    swap.models.encoders[NEW].failure = ServiceUnavailable(reason="MODEL_MISMATCH")  # type: ignore[arg-type]
    with pytest.raises(ServiceUnavailable):
        await to_new(swap)
    assert swap.models.registry.live == OLD
    assert swap.slept_s == []


async def test_a_switch_that_would_lose_products_asks_first(swap: Swap) -> None:
    await fill(swap)
    await lose_picture(swap, "p5")
    await backfill(swap.parts, NEW)
    await audited(swap)
    with pytest.raises(SwapRefused, match="1 of the products cannot be embedded"):
        await to_new(swap)
    assert swap.models.registry.live == OLD
    await to_new(swap, leave_out=1)
    assert swap.models.registry.live == NEW


async def test_what_is_written_around_the_move_is_not_lost(swap: Swap) -> None:
    """A gateway that has not noticed writes to the old model while another has moved on."""
    await fill(swap)
    await backfill(swap.parts, NEW)
    await audited(swap)
    old, new = swap.models.indexes[OLD], swap.models.indexes[NEW]
    before = await swap.contents(OLD)

    async def late() -> None:
        old.before_write = None  # what this gateway was told is still good
        changed = [replace(before["p1"], title="late"), replace(before["p2"], title="late")]
        tokens = random_tokens(3, seed=1, query_tokens=4, embed_dim=16)
        created = replace(before["p3"], id="late", updated_at_s=9.0)
        items = [*changed, created]
        await old.put([IndexedProduct(p, t) for p, t in zip(items, tokens, strict=True)], soon())
        for model in (NEW, OLD):  # and deletes, as gateways do: everywhere, its live one last
            await swap.models.registry.delete_from(model, [before["p6"].point_id], soon())
        await swap.models.spaces.refresh()  # another gateway has noticed
        newer = replace(write(2, color="red"), title="newer")
        await swap.models.catalog.import_products("", [newer, write(60)], soon())
        await swap.models.catalog.delete("", "p7", soon())

    swap.while_waiting = late
    await to_new(swap)
    after = await swap.contents(NEW)
    assert after["p1"].title == "late"
    assert after["p2"].title == "newer"
    assert set(after) == set(before) - {"p6", "p7"} | {"late", "p60"}
    assert not (await new.find([before["p2"].point_id], soon()))[before["p2"].point_id].copied


async def test_a_change_that_was_cut_short_is_completed_first_whatever_comes_next(
    swap: Swap,
) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    await audited(swap)
    late = replace((await swap.contents(OLD))["p1"], id="late")

    async def cut() -> None:
        swap.models.indexes[OLD].before_write = None
        tokens = random_tokens(1, seed=1, query_tokens=4, embed_dim=16)
        await swap.models.indexes[OLD].put([IndexedProduct(late, tokens[0])], soon())
        raise KeyboardInterrupt

    swap.while_waiting = cut
    with pytest.raises(KeyboardInterrupt):
        await to_new(swap)
    assert swap.models.registry.live == NEW
    assert "late" not in await swap.contents(NEW)
    with pytest.raises(SwapRefused, match="is not complete"):
        await retire(swap.parts, OLD, no_files, force=True)
    swap.while_waiting = None
    await rollback(swap.parts)
    assert "late" in await swap.contents(OLD)
    assert await swap.contents(NEW) == await swap.contents(OLD)


async def test_a_roll_back_that_was_cut_short_is_completed_by_another(swap: Swap) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    await audited(swap)
    await to_new(swap)

    async def cut() -> None:
        raise KeyboardInterrupt

    swap.while_waiting = cut
    with pytest.raises(KeyboardInterrupt):
        await rollback(swap.parts)
    assert swap.models.registry.live == OLD
    swap.while_waiting = None
    await rollback(swap.parts)
    assert swap.models.registry.live == OLD
    assert not (await swap.parts.registry.record(OLD, soon())).unsettled
    with pytest.raises(SwapRefused, match="no model to roll back to"):
        await rollback(swap.parts)


# --- the others ---------------------------------------------------------------------------------


async def no_files(model: str) -> None:
    """Nothing was published."""


async def test_only_a_model_that_nobody_needs_is_retired(swap: Swap) -> None:
    await fill(swap)
    removed: list[str] = []

    async def unpublish(model: str) -> None:
        assert model not in swap.models.registry.indexes  # its collection goes first
        removed.append(model)

    await backfill(swap.parts, NEW)
    await audited(swap)
    with pytest.raises(SwapRefused, match="is live"):
        await retire(swap.parts, OLD, unpublish, force=True)
    await to_new(swap)
    with pytest.raises(SwapRefused, match="a roll-back would go to"):
        await retire(swap.parts, OLD, unpublish, force=False)
    assert removed == []
    await retire(swap.parts, OLD, unpublish, force=True)
    await retire(swap.parts, OLD, unpublish, force=False)  # again, as after a kill
    assert removed == [OLD, OLD]
    assert swap.models.registry.indexes.keys() == {NEW}
    with pytest.raises(SwapRefused, match="no model to roll back to"):
        await rollback(swap.parts)


async def test_a_model_agrees_with_itself_and_less_with_another(swap: Swap) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    found = await compare(swap.parts, NEW, sample=10)
    assert found.products == found.composed == 10
    assert found.finds_itself == (1.0, 1.0)
    assert 0 < found.picture_overlap < 1
    assert 0 <= found.composed_overlap < 1
    # The same model under another name.
    swap.models.encoders[NEW].__dict__.update(swap.models.encoders[OLD].__dict__)
    await retire(swap.parts, NEW, no_files, force=True)
    swap.models.indexes[NEW]._products.clear()
    await backfill(swap.parts, NEW)
    found = await compare(swap.parts, NEW, sample=10)
    assert (found.picture_overlap, found.composed_overlap) == (1.0, 1.0)


async def test_an_index_of_wrong_vectors_shows_in_a_comparison(swap: Swap) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    index = swap.models.indexes[NEW]
    page, _ = await index.held_page(100, None, soon())
    tokens = random_tokens(len(page), seed=8, query_tokens=4, embed_dim=16)
    items = [IndexedProduct(h.product, t) for h, t in zip(page, tokens, strict=True)]
    await index.put_copies(items, soon())
    found = await compare(swap.parts, NEW, sample=10)
    assert found.finds_itself[0] == 1.0
    assert found.finds_itself[1] < 1.0


async def test_only_another_indexed_model_can_be_compared(swap: Swap) -> None:
    await fill(swap)
    for model in (OLD, NEW):
        with pytest.raises(SwapRefused, match="compare the live model with another"):
            await compare(swap.parts, model, sample=10)


async def test_status_tells_where_each_model_stands(swap: Swap) -> None:
    await fill(swap)
    await backfill(swap.parts, NEW)
    await audited(swap)
    swap.models.encoders[NEW].failure = DependencyUnavailable(dependency="triton")
    old, new = await status(swap.parts)
    assert (old.model, old.live, old.answers, old.products) == (OLD, True, True, COUNT + 3)
    assert (new.model, new.live, new.answers, new.products) == (NEW, False, False, COUNT + 3)
    assert old.tuning is None
    assert new.tuning is not None
    assert new.record == SwapRecord(OLD, new.record.synchronised_at_s)
    assert time.time() - 600 < new.record.synchronised_at_s <= time.time()


async def test_settling_a_settled_model_does_nothing(swap: Swap) -> None:
    await fill(swap)
    await settle(swap.parts, OLD)
    assert swap.said == swap.slept_s == []
