"""Import, back up, destroy, restore: the same answers. On a real index and real stores."""

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retrieval.domain import PictureShelf
from tests.support.backup_shop import Shop
from tests.support.image_places import folder_place, s3_place
from tests.support.qdrant_index import server_in_memory
from tests.support.s3 import BUCKET, S3Server, running_s3
from tests.support.tiny_bundle import write_tiny_bundle

PRODUCTS, PICTURES = 2_500, 90


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture(params=["folder", "s3"])
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    with ThreadPoolExecutor(4) as threads, server_in_memory() as index:
        if request.param == "folder":
            place = folder_place(tmp_path / "images", threads)
            settings = {"IMAGE_STORE": str(place.root)}
        else:
            server: S3Server = request.getfixturevalue("s3_server")
            place = s3_place(server, threads, monkeypatch)
            settings = {
                "IMAGE_STORE": f"s3://{BUCKET}/pictures/of-a-shop",
                "IMAGE_STORE_ENDPOINT": server.endpoint,
            }
        shop = Shop(index.url, place, write_tiny_bundle(tmp_path / "bundle"), settings)
        asyncio.run(shop.fill(PRODUCTS, PICTURES))
        yield shop


def destroy_pictures(shop: Shop) -> None:
    for name in shop.place.names(PictureShelf.KEPT):
        shop.place.path(PictureShelf.KEPT, name).unlink()


def test_after_a_restore_everything_answers_as_before(shop: Shop, tmp_path: Path) -> None:
    before = asyncio.run(shop.answers())
    target = tmp_path / "backups"
    made = shop.run("backup", target)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.split(": ", 1)[1].startswith(
        "2,500 products (autumn-2 833, default 834, spring 833); 90 pictures and "
    )
    checked = shop.run("restore", target, "--check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "is whole: 2,500 products" in checked.stdout

    destroy_pictures(shop)
    copied = shutil.move(target, tmp_path / "carried elsewhere")
    with server_in_memory() as other:
        fresh = Shop(other.url, shop.place, shop.bundle_dir, shop.settings)
        restored = fresh.run("restore", copied)
        assert (restored.returncode, restored.stderr) == (0, "")
        assert restored.stdout.split(": ", 1)[1] == (
            "2,500 products are restored, their vectors as they were; the index is live, with "
            "the choice of its last audit.\n"
        )
        assert asyncio.run(fresh.answers()) == before
