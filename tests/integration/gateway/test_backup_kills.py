"""`kill -9` of a backup and of a restore at seeded moments: nothing is lost, nothing half there."""

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from gateway.backup.failures import BackupFailed
from gateway.backup.folder import BackupFolder
from gateway.backup.reading import OpenBackup
from tests.support.backup_shop import Shop
from tests.support.image_places import folder_place
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory
from tests.support.tiny_bundle import write_tiny_bundle

LONG = bool(os.environ.get("RECOMPOSE_TEST_LONG"))
# More than a part of a backup, which is 1,000.
PRODUCTS, PICTURES = 2_500 if LONG else 1_250, 400
KILLS = 25 if LONG else 3


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with ThreadPoolExecutor(4) as threads, server_in_memory() as index:
        place = folder_place(folder / "images", threads)
        shop = Shop(
            index.url,
            place,
            write_tiny_bundle(folder / "bundle"),
            {"IMAGE_STORE": str(place.root)},
        )
        asyncio.run(shop.fill(PRODUCTS, PICTURES))
        yield shop


@pytest.fixture
def copy(shop: Shop, tmp_path: Path) -> Iterator[tuple[Shop, QdrantProcess]]:
    """An empty shop to restore into, and its index."""
    with ThreadPoolExecutor(4) as threads, server_in_memory() as index:
        place = folder_place(tmp_path / "restored", threads)
        settings = {"IMAGE_STORE": str(place.root)}
        yield Shop(index.url, place, shop.bundle_dir, settings), index


def pictures_in(target: Path) -> int:
    return sum(1 for _ in target.glob("pictures/*/*.webp"))


def files_in(target: Path) -> int:
    """Files of the backup being written: products, tokens, the manifest at last."""
    return sum(1 for _ in target.glob("incoming/*/*"))


def assert_whole_or_not_there(target: Path) -> None:
    for name in BackupFolder(target).names():
        backup = OpenBackup(BackupFolder(target), name)
        assert backup.manifest.products == PRODUCTS
        for number in range(len(backup.manifest.parts)):
            for saved in backup.part(number, tokens=True).products:
                backup.picture(saved.product.image_sha256)


def test_a_backup_killed_at_any_moment_is_not_there_and_the_next_one_is(
    shop: Shop, copy: tuple[Shop, QdrantProcess], tmp_path: Path
) -> None:
    target, chance = tmp_path / "target", random.Random(1)
    killed = 0
    for _ in range(KILLS):
        files, more = chance.randrange(7), chance.randrange(1, 100)
        wanted = min(PICTURES, pictures_in(target) + more)

        def reached(files: int = files, wanted: int = wanted) -> bool:
            return pictures_in(target) >= wanted if files < 3 else files_in(target) >= files - 2

        killed += shop.killed_when(reached, "backup", target)
        assert_whole_or_not_there(target)
    assert killed
    before = BackupFolder(target).names()
    assert shop.run("backup", target).returncode == 0
    assert len(BackupFolder(target).names()) == len(before) + 1
    assert not any((target / "incoming").iterdir())
    fresh, _ = copy
    assert fresh.run("restore", target).returncode == 0
    assert asyncio.run(fresh.answers()) == asyncio.run(shop.answers())


def test_a_backup_in_progress_is_none(shop: Shop, tmp_path: Path) -> None:
    """Killed with its manifest written, one step before it has its name."""
    target = tmp_path / "target"
    assert shop.run("backup", target).returncode == 0
    (name,) = BackupFolder(target).names()
    (target / "incoming").mkdir(exist_ok=True)
    (target / "backups" / name).rename(target / "incoming" / name)
    with pytest.raises(BackupFailed, match=r"holds no backup$"):
        OpenBackup(BackupFolder(target))


def test_a_restore_killed_at_any_moment_is_taken_up(
    shop: Shop, copy: tuple[Shop, QdrantProcess], tmp_path: Path
) -> None:
    target, chance = tmp_path / "target", random.Random(2)
    fresh, index = copy
    assert shop.run("backup", target).returncode == 0
    client = index.client(timeout_s=60)
    collection = f"products_{shop.bundle.short_digest}"

    def written() -> int:
        if not client.collection_exists(collection):
            return 0
        return client.count(collection, exact=True).count

    def unfinished() -> bool:
        metadata = client.get_collection(collection).config.metadata or {}
        return metadata.get("recompose_restore") is not None

    killed = 0
    for kill in range(KILLS):
        products = int((kill + chance.random()) / KILLS * PRODUCTS) + 1
        enough: Callable[[], bool] = partial(lambda least: written() >= least, products)
        if not fresh.killed_when(enough, "restore", target):
            break  # It ended first.
        killed += 1
        assert unfinished()
        assert client.get_aliases().aliases == []
    assert killed
    if unfinished():
        done = fresh.run("restore", target)
        assert (done.returncode, done.stderr) == (0, "")
    client.close()
    assert asyncio.run(fresh.answers()) == asyncio.run(shop.answers())
    # A restore that has ended is no longer one to take up.
    again = fresh.run("restore", target)
    assert again.returncode == 1
    assert again.stderr.startswith("gateway: refused, and nothing was changed: the index holds ")
