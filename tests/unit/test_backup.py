"""What a backup holds: everything, whole, whatever is written meanwhile, and whenever it ends."""

import json
import random
import tracemalloc
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from gateway.backup.failures import BackupRefused
from gateway.backup.folder import BackupFolder
from gateway.backup.manifest import KeptTuning
from gateway.backup.reading import OpenBackup
from retrieval.domain import Deadline, IndexPage, PictureShelf, point_id
from retrieval.errors import DependencyBroken, DependencyUnavailable
from tests.support.backup_fakes import TUNING, FakeShop, files, soon, tokens_of
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import FIELDS


class Meanwhile(FakeIndex):
    """An index that something happens to before each page of it is read.

    Attributes:
        pages: that were asked for.
        failing: raised once, in place of the page of that number.
        spoilt: points of each page that cannot be read.
        happens: awaited before each page.
    """

    def __init__(self) -> None:
        super().__init__(FIELDS)
        self.pages = self.spoilt = 0
        self.failing: dict[int, Exception] = {}
        self.happens = self._nothing

    async def page(self, after: uuid.UUID | None, deadline: Deadline) -> IndexPage:
        self.pages += 1
        if failure := self.failing.pop(self.pages, None):
            raise failure
        await self.happens()
        page = await super().page(after, deadline)
        return replace(page, unreadable=self.spoilt)

    async def _nothing(self) -> None:
        pass


@dataclass
class BusyShop(FakeShop):
    index: Meanwhile = field(default_factory=Meanwhile)


def saved(target: Path, name: str | None = None) -> dict[tuple[str, str], tuple[object, bytes]]:
    """Every product of a backup with the bytes of its tokens; their pictures must be there."""
    backup, found = OpenBackup(BackupFolder(target), name), {}
    for number in range(len(backup.manifest.parts)):
        part = backup.part(number, tokens=True)
        assert part.tokens is not None
        for one, tokens in zip(part.products, part.tokens, strict=True):
            if one.picture_saved:
                backup.picture(one.product.image_sha256)
            key = (one.product.catalog, one.product.id)
            assert key not in found
            found[key] = (one.product, tokens.astype(np.float32).tobytes())
    return found


async def test_a_backup_holds_every_product_with_its_tokens_and_picture(tmp_path: Path) -> None:
    shop = FakeShop()
    await shop.add(range(100))
    await shop.add(range(90, 130), catalog="autumn")
    await shop.index.keep(TUNING, soon())
    made = await shop.back_up(tmp_path)
    assert saved(tmp_path) == await shop.everything()
    # The files are what they are called, for whoever looks into them with other tools.
    tokens = np.load(files(tmp_path, "backups/*/tokens-00003.npy")[0])
    assert (tokens.dtype, tokens.shape[0]) == (np.float16, 20)
    lines = files(tmp_path, "backups/*/products-00003.jsonl")[0].read_text("utf-8").split("\n")
    assert [json.loads(line)["catalog"] for line in lines[:-1]].count("default") > 5
    manifest = made.manifest
    assert manifest.products == 140
    assert manifest.catalogs == {"autumn": 40, "default": 100}
    assert [part.count for part in manifest.parts] == [40, 40, 40, 20]
    assert manifest.tuning == KeptTuning.of(TUNING)
    assert manifest.tuning is not None
    assert manifest.tuning.tuning() == TUNING
    assert (manifest.without_picture, manifest.unreadable) == (0, 0)
    assert made.pictures_added == 130
    assert made.bytes_added == sum(path.stat().st_size for path in files(tmp_path))


async def test_a_second_backup_adds_only_new_pictures_and_leaves_the_first_as_it_was(
    tmp_path: Path,
) -> None:
    shop = FakeShop()
    await shop.add(range(50))
    first = await shop.back_up(tmp_path)
    before = await shop.everything()
    await shop.index.delete([point_id("default", "p7")], soon())
    await shop.add(range(50, 53))
    await shop.add_one("p8", 99, catalog="default")
    # Even in the same second a later backup sorts behind.
    second = await shop.back_up(tmp_path)
    assert (first.pictures_added, second.pictures_added) == (50, 4)
    assert BackupFolder(tmp_path).names() == [first.name, second.name]
    assert saved(tmp_path, first.name) == before
    assert saved(tmp_path) == await shop.everything() != before


@pytest.mark.parametrize("seed", range(8))
async def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(
    tmp_path: Path, seed: int
) -> None:
    """Before each page products are added, changed and deleted at random."""
    shop, chance = BusyShop(), random.Random(seed)
    await shop.add(range(120))
    acknowledged = await shop.everything()
    states: dict[tuple[str, str], list[object]] = {
        key: [state] for key, state in acknowledged.items()
    }
    deleted: set[tuple[str, str]] = set()

    async def imports() -> None:
        for _ in range(6):
            number = chance.randrange(200)
            key = ("default", f"p{number}")
            if chance.random() < 0.25:
                await shop.index.delete([point_id(*key)], soon())
                deleted.add(key)
            else:
                await shop.add_one(key[1], chance.randrange(1_000), catalog="default")
                found = await shop.index.get([point_id(*key)], soon())
                product = found[point_id(*key)]
                tokens = tokens_of(int(product.attributes["picture"]))  # type: ignore[arg-type]
                states.setdefault(key, []).append((product, tokens.tobytes()))

    shop.index.happens = imports
    await shop.back_up(tmp_path)
    found = saved(tmp_path)
    assert shop.index.pages > 5
    # Each is as it was at some moment: fields, tokens and picture of one import.
    for key, state in found.items():
        assert state in states[key]
    assert acknowledged.keys() - deleted <= found.keys()


async def test_a_picture_that_is_set_aside_meanwhile_is_in_it(tmp_path: Path) -> None:
    shop = BusyShop()
    await shop.add(range(60))

    async def collect() -> None:
        for name in list(shop.images.shelves[PictureShelf.KEPT])[:20]:
            await shop.images.trash(name, soon())

    shop.index.happens = collect
    made = await shop.back_up(tmp_path)
    assert made.manifest.without_picture == 0
    assert saved(tmp_path) == await shop.everything()


async def test_what_cannot_be_read_is_counted_and_the_rest_is_there(tmp_path: Path) -> None:
    shop = BusyShop()
    await shop.add(range(40))
    names = [*shop.images.shelves[PictureShelf.KEPT]]
    del shop.images.shelves[PictureShelf.KEPT][names[3]]
    shop.images.shelves[PictureShelf.KEPT][names[4]] = (b"<html>", 0.0)
    shop.index.spoilt = 2
    made = await shop.back_up(tmp_path)
    assert made.manifest.without_picture == 2
    assert made.manifest.unreadable == 2 * shop.index.pages
    assert saved(tmp_path) == await shop.everything()


@pytest.mark.parametrize("page", [1, 3, 6])
async def test_one_that_fails_on_the_way_leaves_none_and_the_next_goes_on(
    tmp_path: Path, page: int
) -> None:
    shop = BusyShop()
    await shop.add(range(110))
    shop.index.failing = {page: DependencyBroken(dependency="qdrant")}
    with pytest.raises(DependencyBroken):
        await shop.back_up(tmp_path)
    assert BackupFolder(tmp_path).names() == []
    with pytest.raises(BackupRefused, match=r"holds no backup$"):
        OpenBackup(BackupFolder(tmp_path))
    made = await shop.back_up(tmp_path)
    # What was copied before is not copied again.
    assert made.pictures_added == 110 - 16 * (page - 1)
    assert saved(tmp_path) == await shop.everything()
    assert not files(tmp_path, "incoming/*")


async def test_a_moment_without_the_index_does_not_end_a_backup(tmp_path: Path) -> None:
    shop = BusyShop()
    await shop.add(range(60))
    shop.index.failing = {
        1: DependencyUnavailable(dependency="qdrant"),
        3: DependencyUnavailable(dependency="qdrant"),
    }
    await shop.back_up(tmp_path)
    assert saved(tmp_path) == await shop.everything()


async def test_nothing_is_backed_up_of_an_empty_index_or_one_that_is_not_live(
    tmp_path: Path,
) -> None:
    shop = FakeShop()
    with pytest.raises(BackupRefused, match="holds no products"):
        await shop.back_up(tmp_path)
    await shop.add(range(3))
    shop.index.live = False
    with pytest.raises(BackupRefused, match="not that of this model"):
        await shop.back_up(tmp_path)
    assert not files(tmp_path)


async def test_two_at_once_do_not_write_to_one_folder(tmp_path: Path) -> None:
    shop = FakeShop()
    await shop.add(range(3))
    with BackupFolder(tmp_path).writing(), pytest.raises(BackupRefused, match="another backup"):
        await shop.back_up(tmp_path)
    await shop.back_up(tmp_path)


async def test_memory_does_not_grow_with_the_catalog(tmp_path: Path) -> None:
    async def peak(products: int) -> int:
        shop = FakeShop(part_products=50)
        for number in range(products):
            await shop.add_one(f"p{number}", number % 7, catalog="default")
        tracemalloc.start()
        await shop.back_up(tmp_path / str(products))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = await peak(200), await peak(2_000)
    # A part and a page at a time: what grows is the manifest, some kilobytes a part. To hold the
    # products themselves would take 3 MB.
    assert many < few + 600_000
