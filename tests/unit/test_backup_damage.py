"""How a damaged backup is told: by a sentence, before anything is written."""

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.backup import manifest as manifests
from gateway.backup.checking import check
from gateway.backup.failures import BackupDamaged, BackupFailed, BackupRefused
from gateway.backup.folder import BackupFolder
from gateway.backup.reading import OpenBackup
from tests.support.backup_fakes import (
    FakeShop,
    Fresh,
    Silent,
    assert_embedded,
    backed_up,
    files,
    picture_file,
)


@pytest.fixture
async def shop(tmp_path: Path) -> FakeShop:
    return await backed_up(tmp_path / "target")


@pytest.fixture
def target(shop: FakeShop, tmp_path: Path) -> Path:
    return tmp_path / "target"


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
