"""Which backups and pictures go, and that those that stay can be restored."""

import random
from pathlib import Path

import pytest

from gateway.backup.failures import BackupDamaged, BackupRefused
from gateway.backup.folder import BackupFolder
from gateway.backup.pruning import Pruned, prune
from retrieval.domain import point_id
from tests.support.backup_fakes import FakeShop, files, soon


async def history(shop: FakeShop, target: Path, backups: int) -> list[dict[object, object]]:
    """Make backups of a shop that changes in between; what each holds, oldest first."""
    states: list[dict[object, object]] = []
    chance = random.Random(3)
    for number in range(backups):
        await shop.add(range(60 * number, 60 * number + 60))
        for gone in chance.sample(range(60 * number + 60), 30):
            await shop.index.delete([point_id("default", f"p{gone}")], soon())
        await shop.back_up(target)
        states.append({**await shop.everything()})
    return states


def saved_pictures(target: Path) -> set[str]:
    return {path.stem for path in target.glob("pictures/*/*.webp")}


@pytest.mark.parametrize("keep", [1, 2, 4, 9])
async def test_the_newest_stay_with_all_their_pictures_and_no_other(
    tmp_path: Path, keep: int
) -> None:
    shop = FakeShop()
    states = await history(shop, tmp_path, 4)
    names, pictures = BackupFolder(tmp_path).names(), saved_pictures(tmp_path)
    pruned = prune(BackupFolder(tmp_path), keep)
    staying = names[-keep:]
    assert BackupFolder(tmp_path).names() == staying
    needed = {
        product.image_sha256  # type: ignore[attr-defined]
        for state in states[-keep:]
        for product, _ in state.values()  # type: ignore[misc]
    }
    assert saved_pictures(tmp_path) == needed
    assert pruned == Pruned(len(names) - len(staying), len(pictures - needed))
    for name, state in zip(staying, states[-keep:], strict=True):
        fresh = FakeShop()
        await fresh.restore(tmp_path, name)
        assert await fresh.everything() == state


async def test_pictures_stay_where_a_backup_does_not_say_what_it_needs(tmp_path: Path) -> None:
    await history(FakeShop(), tmp_path, 3)
    pictures, names = saved_pictures(tmp_path), BackupFolder(tmp_path).names()
    files(tmp_path, f"backups/{names[1]}/products-00000.jsonl")[0].write_bytes(b"")
    with pytest.raises(BackupDamaged, match=f"backup {names[1]} is damaged"):
        prune(BackupFolder(tmp_path), 2)
    assert saved_pictures(tmp_path) == pictures
    assert BackupFolder(tmp_path).names() == names[1:]


async def test_pictures_of_a_backup_being_written_stay(tmp_path: Path) -> None:
    await history(FakeShop(), tmp_path, 2)
    with BackupFolder(tmp_path).writing(), pytest.raises(BackupRefused, match="another backup"):
        prune(BackupFolder(tmp_path), 1)
    assert len(BackupFolder(tmp_path).names()) == 2


async def test_pictures_that_a_killed_run_left_are_removed_by_the_next(tmp_path: Path) -> None:
    await history(FakeShop(), tmp_path, 3)
    folder = BackupFolder(tmp_path)
    with folder.writing():
        for name in folder.names()[:-1]:
            folder.remove(name)
    pruned = prune(folder, 1)
    assert pruned.backups == 0
    assert pruned.pictures > 0
    fresh = FakeShop()
    await fresh.restore(tmp_path)
    assert fresh.pictures().keys() == saved_pictures(tmp_path)
