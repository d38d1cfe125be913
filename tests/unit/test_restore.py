"""What a restore writes, what it refuses, and how it is taken up."""

from pathlib import Path

import pytest

from gateway.backup.failures import BackupRefused
from gateway.backup.folder import BackupFolder
from gateway.backup.reading import OpenBackup
from retrieval.domain import point_id
from retrieval.errors import DependencyBroken
from tests.support.backup_fakes import (
    TUNING,
    FakeShop,
    Fresh,
    assert_embedded,
    backed_up,
    files,
    soon,
)


@pytest.fixture
async def shop(tmp_path: Path) -> FakeShop:
    return await backed_up(tmp_path / "target")


@pytest.fixture
def target(shop: FakeShop, tmp_path: Path) -> Path:
    return tmp_path / "target"


async def test_everything_comes_back(shop: FakeShop, target: Path) -> None:
    fresh = Fresh()
    done = await fresh.restore(target)
    assert await fresh.everything() == await shop.everything()
    assert fresh.pictures() == shop.pictures()
    assert await fresh.index.tuning(soon()) == TUNING
    assert (done.products, done.left_out, done.tuned, done.live) == (130, 0, True, True)
    assert done.embedded is False
    assert [None if note is None else note.parts for note in fresh.index.notes] == [
        *range(5),
        None,
    ]


async def test_pictures_come_before_the_products_that_show_them(target: Path) -> None:
    fresh = Fresh()
    fresh.index.fails_after = 3
    with pytest.raises(DependencyBroken):
        await fresh.restore(target)
    shown = {product.image_sha256 for product, _ in (await fresh.everything()).values()}
    assert shown
    assert shown <= fresh.pictures().keys()


@pytest.mark.parametrize("calls", [0, 1, 3, 5, 8])
async def test_one_that_was_cut_off_is_taken_up(shop: FakeShop, target: Path, calls: int) -> None:
    fresh = Fresh()
    fresh.index.fails_after = calls
    with pytest.raises(DependencyBroken):
        await fresh.restore(target)
    assert await fresh.index.tuning(soon()) is None
    fresh.index.fails_after, before = None, fresh.index.calls
    done = await fresh.restore(target)
    assert await fresh.everything() == await shop.everything()
    assert fresh.pictures() == shop.pictures()
    assert done.products == 130
    # Parts of 40 take three calls each; what a whole part holds is not written again.
    assert fresh.index.calls - before == 10 - calls // 3 * 3


async def test_a_picture_lost_since_the_cut_comes_back_too(shop: FakeShop, target: Path) -> None:
    fresh = Fresh()
    fresh.index.fails_after = 7
    with pytest.raises(DependencyBroken):
        await fresh.restore(target)
    fresh.index.fails_after = None
    fresh.images.shelves["kept"].clear()  # type: ignore[index]
    await fresh.restore(target)
    assert fresh.pictures() == shop.pictures()


async def test_an_index_with_products_is_left_alone_unless_told(
    shop: FakeShop, target: Path
) -> None:
    fresh = Fresh()
    await fresh.add_one("p3", 500, catalog="default")
    await fresh.add_one("mine", 501, catalog="default")
    before = await fresh.everything()
    with pytest.raises(BackupRefused, match="the index holds 2 products: --into-existing"):
        await fresh.restore(target)
    assert await fresh.everything() == before
    assert len(fresh.pictures()) == 2
    await fresh.restore(target, into_existing=True)
    mine = {("default", "mine"): before["default", "mine"]}
    assert await fresh.everything() == await shop.everything() | mine


async def test_what_another_backup_left_unfinished_is_left_alone(
    shop: FakeShop, target: Path
) -> None:
    first = OpenBackup(BackupFolder(target)).name
    await shop.add([700])
    await shop.back_up(target)
    fresh = Fresh()
    fresh.index.fails_after = 5
    with pytest.raises(DependencyBroken):
        await fresh.restore(target)
    fresh.index.fails_after = None
    with pytest.raises(BackupRefused, match="the index holds"):
        await fresh.restore(target, first)
    await fresh.restore(target)
    assert await fresh.everything() == await shop.everything()


async def test_an_older_backup_is_restored_by_its_name(shop: FakeShop, target: Path) -> None:
    first, before = OpenBackup(BackupFolder(target)).name, await shop.everything()
    await shop.index.delete([point_id("default", "p5")], soon())
    await shop.back_up(target)
    fresh = Fresh()
    await fresh.restore(target, first)
    assert await fresh.everything() == before
    with pytest.raises(BackupRefused, match=f"no backup 20010101T000000Z; it holds {first}, "):
        await fresh.restore(target, "20010101T000000Z")


async def test_vectors_of_another_model_are_not_mixed_in(shop: FakeShop, target: Path) -> None:
    other = shop.other_model()
    with pytest.raises(BackupRefused, match="vectors must be computed anew, which --embed does"):
        await other.restore(target)
    assert not await other.everything()
    assert not other.pictures()
    other.embeds = True
    done = await other.restore(target)
    assert (done.products, done.embedded, done.tuned) == (130, True, False)
    await assert_embedded(shop, other)


async def test_without_vectors_they_are_computed_from_the_pictures(
    shop: FakeShop, tmp_path: Path
) -> None:
    target = tmp_path / "smaller"
    await shop.back_up(target, tokens=False)
    assert not files(target, "**/*.npy")
    fresh = Fresh()
    with pytest.raises(BackupRefused, match="made without vectors: --embed"):
        await fresh.restore(target)
    fresh.embeds = True
    assert (await fresh.restore(target)).tuned
    await assert_embedded(shop, fresh)


async def test_without_the_encoder_nothing_is_begun(target: Path) -> None:
    fresh = Fresh(embeds=True)
    fresh.encoder.failure = DependencyBroken(dependency="triton")
    with pytest.raises(DependencyBroken):
        await fresh.restore(target)
    assert not fresh.pictures()
    assert fresh.index.notes == []


async def test_a_product_without_picture_comes_back_with_its_vectors_alone(
    tmp_path: Path,
) -> None:
    shop = FakeShop()
    await shop.add(range(20))
    lost = [*shop.pictures()][:3]
    for name in lost:
        del shop.images.shelves["kept"][name]  # type: ignore[index]
    await shop.back_up(tmp_path)
    fresh = Fresh()
    assert (await fresh.restore(tmp_path)).products == 20
    assert await fresh.everything() == await shop.everything()
    embedding = Fresh(embeds=True)
    done = await embedding.restore(tmp_path)
    assert (done.products, done.left_out) == (17, 3)
    assert len(await embedding.everything()) == 17


async def test_where_another_collection_is_live_it_stays_so(target: Path) -> None:
    fresh = Fresh()
    fresh.index.live = False
    assert not (await fresh.restore(target)).live
