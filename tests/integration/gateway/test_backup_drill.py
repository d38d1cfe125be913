"""Import, back up, destroy, restore: the same answers. On a real index and real stores."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.backup_shop import Shop
from tests.support.image_places import folder_place, s3_place
from tests.support.qdrant_index import server_in_memory
from tests.support.s3 import BUCKET, S3Server, running_s3
from tests.support.tiny_bundle import write_tiny_bundle

PRODUCTS, PICTURES = 2_500, 90
REAL_URL = os.environ.get("QDRANT_TEST_URL", "")


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture(params=["folder", "s3", *(["a real Qdrant"] if REAL_URL else [])])
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """A shop whose pictures lie in a folder or in S3; its index is in the stand-in, or in the real
    Qdrant that QDRANT_TEST_URL names, which must have no alias `products` yet."""
    bundle = write_tiny_bundle(tmp_path / "bundle")
    with ThreadPoolExecutor(4) as threads, ExitStack() as closing:
        if request.param == "s3":
            server: S3Server = request.getfixturevalue("s3_server")
            place = s3_place(server, threads, monkeypatch)
            settings = {
                "IMAGE_STORE": f"s3://{BUCKET}/pictures/of-a-shop",
                "IMAGE_STORE_ENDPOINT": server.endpoint,
            }
        else:
            place = folder_place(tmp_path / "images", threads)
            settings = {"IMAGE_STORE": str(place.root)}
        if request.param == "a real Qdrant":
            shop = Shop(REAL_URL, place, bundle, settings, os.environ.get("QDRANT_TEST_API_KEY"))
        else:
            shop = Shop(closing.enter_context(server_in_memory()).url, place, bundle, settings)
        asyncio.run(shop.fill(PRODUCTS, PICTURES))
        yield shop
        asyncio.run(shop.destroy())


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

    asyncio.run(shop.destroy())
    copied = shutil.move(target, tmp_path / "carried elsewhere")
    restored = shop.run("restore", copied)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert restored.stdout.split(": ", 1)[1] == (
        "2,500 products are restored, their vectors as they were; the index is live, with "
        "the choice of its last audit.\n"
    )
    assert asyncio.run(shop.answers()) == before
