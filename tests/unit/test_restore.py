"""What a restore writes, refuses and takes up, and how a damaged backup is told."""

import json
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.backup import manifest as manifests
from gateway.backup.checking import check
from gateway.backup.failures import BackupDamaged, BackupFailed, BackupRefused
from gateway.backup.folder import BackupFolder
from gateway.backup.reading import OpenBackup
from retrieval.domain import Deadline, IndexedProduct, Restoring, point_id
from retrieval.errors import DependencyBroken
from tests.support.backup_fakes import TUNING, FakeShop, Silent, files, picture_file, soon
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import FIELDS


class Counting(FakeIndex):
    """Counts what is put, and fails after so many calls of `put` as it is told."""

    def __init__(self) -> None:
        super().__init__(FIELDS)
        self.calls = 0
        self.fails_after: int | None = None
        self.notes: list[Restoring | None] = []

    async def put(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        if self.calls == self.fails_after:
            raise DependencyBroken(dependency="qdrant")
        self.calls += 1
        await super().put(products, deadline)

    async def note(self, restoring: Restoring | None, deadline: Deadline) -> None:
        self.notes.append(restoring)
        await super().note(restoring, deadline)


@dataclass
class Fresh(FakeShop):
    """An empty shop to restore into."""

    index: Counting = field(default_factory=Counting)


@pytest.fixture
async def shop(tmp_path: Path) -> FakeShop:
    """A shop of 130 products whose backup, of four parts, lies in ``tmp_path / "target"``."""
    shop = FakeShop()
    await shop.add(range(100))
    await shop.add(range(90, 120), catalog="autumn")
    await shop.index.keep(TUNING, soon())
    await shop.back_up(tmp_path / "target")
    return shop


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


async def assert_embedded(shop: FakeShop, other: FakeShop) -> None:
    """The same products and pictures; equal pictures have equal tokens, others have not."""
    before, after = await shop.everything(), await other.everything()
    assert {key: product for key, (product, _) in after.items()} == {
        key: product for key, (product, _) in before.items()
    }
    assert other.pictures() == shop.pictures()
    by_picture = {product.image_sha256: tokens for product, tokens in after.values()}
    assert len(set(by_picture.values())) == len(by_picture)
    assert all(by_picture[product.image_sha256] == tokens for product, tokens in after.values())


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


# --- damage ---------------------------------------------------------------------------------


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def spoil_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        record = json.loads(path.read_bytes())
        change(record)
        path.write_text(json.dumps(record))

    return spoil


def other_picture(path: Path) -> None:
    path.write_bytes(picture_file(4_000))


DAMAGES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a flipped bit in the products": (
        "backups/*/products-00001.jsonl", flip,
        "is damaged: products-00001.jsonl is not as it was written",
    ),
    "a flipped bit in the tokens": (
        "backups/*/tokens-00002.npy", flip,
        "is damaged: tokens-00002.npy is not as it was written",
    ),
    "a flipped bit in a picture": (
        "pictures/*/*.webp", flip, ".webp is not the picture that it was",
    ),
    "another picture under its name": (
        "pictures/*/*.webp", other_picture, ".webp is not the picture that it was",
    ),
    "products cut short": (
        "backups/*/products-00003.jsonl", cut,
        "is damaged: products-00003.jsonl is not as it was written",
    ),
    "tokens cut short": (
        "backups/*/tokens-00000.npy", cut, "is damaged: tokens-00000.npy is not as it was written",
    ),
    "an empty picture": (
        "pictures/*/*.webp", lambda path: path.write_bytes(b""),
        ".webp is not the picture that it was",
    ),
    "no products": (
        "backups/*/products-00000.jsonl", Path.unlink, "is damaged: products-00000.jsonl is missing"
    ),
    "no tokens": (
        "backups/*/tokens-00003.npy", Path.unlink, "is damaged: tokens-00003.npy is missing"
    ),
    "no picture": ("pictures/*/*.webp", Path.unlink, ".webp is missing"),
    "no manifest": (
        "backups/*/manifest.json", Path.unlink, "is damaged: manifest.json is missing"
    ),
    "a manifest cut short": (
        "backups/*/manifest.json", cut, "is damaged: manifest.json cannot be read"
    ),
    "an empty manifest": (
        "backups/*/manifest.json", lambda path: path.write_bytes(b""),
        "is damaged: manifest.json cannot be read",
    ),
    "another count in the manifest": (
        "backups/*/manifest.json",
        spoil_manifest(lambda record: record["backup"]["parts"][0].update(count=39)),
        "is damaged: manifest.json is not as it was written",
    ),
    "a part less in the manifest": (
        "backups/*/manifest.json", spoil_manifest(lambda record: record["backup"]["parts"].pop()),
        "is damaged: manifest.json is not as it was written",
    ),
    "a manifest of something else": (
        "backups/*/manifest.json", lambda path: path.write_text('{"name": "x"}'),
        "is damaged: manifest.json cannot be read",
    ),
    "a format to come": (
        "backups/*/manifest.json", spoil_manifest(lambda record: record.update(format=2)),
        "is of format 2, and this version of Recompose reads format 1: restore it with",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_named_before_anything_is_written(target: Path, name: str) -> None:
    pattern, damage, sentence = DAMAGES[name]
    damage(files(target, pattern)[-1])
    fresh = Fresh()
    with pytest.raises(BackupFailed) as caught:
        await fresh.restore(target)
    assert sentence in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not await fresh.everything()
    assert not fresh.pictures()
    assert fresh.index.notes == []
    with pytest.raises(BackupFailed) as caught:
        await check(OpenBackup(BackupFolder(target)), Silent())
    assert sentence in str(caught.value)


async def test_every_flipped_bit_of_a_manifest_is_seen(target: Path) -> None:
    (path,) = files(target, "backups/*/manifest.json")
    content = path.read_bytes()
    folder = BackupFolder(target)
    unseen = []
    whole = OpenBackup(folder)
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            opened = OpenBackup(folder)
        except BackupFailed:
            continue
        # White space between two values may become other white space.
        if (opened.manifest, opened.seal) != (whole.manifest, whole.seal):
            unseen.append(position)
    assert unseen == []


async def test_damaged_vectors_are_no_matter_where_they_are_computed_anew(
    shop: FakeShop, target: Path
) -> None:
    for path in files(target, "backups/*/tokens-*.npy"):
        path.unlink()
    fresh = Fresh()
    with pytest.raises(BackupDamaged, match=r"tokens-00000\.npy is missing"):
        await fresh.restore(target)
    fresh.embeds = True
    await fresh.restore(target)
    await assert_embedded(shop, fresh)


async def test_a_damaged_older_backup_does_not_matter_to_a_later_one(
    shop: FakeShop, target: Path
) -> None:
    first = OpenBackup(BackupFolder(target)).name
    await shop.back_up(target)
    shutil.rmtree(target / "backups" / first)
    fresh = Fresh()
    await fresh.restore(target)
    assert await fresh.everything() == await shop.everything()


async def test_what_was_left_half_written_is_no_backup(shop: FakeShop, target: Path) -> None:
    name = OpenBackup(BackupFolder(target)).name
    shutil.copytree(target / "backups" / name, target / "incoming" / "29990101T000000Z")
    (target / "backups" / "notes").mkdir()
    assert BackupFolder(target).names() == [name]
    await Fresh().restore(target)


async def test_a_manifest_names_only_files_of_its_own(target: Path) -> None:
    """Also one whose seal is right: a backup may come from anywhere."""
    (path,) = files(target, "backups/*/manifest.json")
    record = json.loads(path.read_bytes())
    for name in ("../../secret", "/etc/passwd", "products-1.jsonl", "tokens-00000.npy/x"):
        record["backup"]["parts"][0]["products"]["name"] = name
        record["sha256"] = manifests._seal(record["backup"])
        path.write_text(json.dumps(record))
        with pytest.raises(BackupDamaged, match=r"manifest\.json is not as it was written"):
            OpenBackup(BackupFolder(target))


async def test_a_folder_without_a_backup_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / str(uuid.uuid4())):
        with pytest.raises(BackupRefused, match=r"holds no backup$"):
            await Fresh().restore(folder)
