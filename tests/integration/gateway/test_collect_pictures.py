"""`python -m gateway collect-pictures` on a real index and real stores."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from gateway.__main__ import main
from retrieval.domain import PictureShelf
from retrieval.image_store import content_sha256
from retrieval.qdrant import connect
from tests.support.image_places import FilePlace, folder_place, s3_place, soon
from tests.support.index_cases import catalog_of
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import qdrant_index, server_in_memory
from tests.support.s3 import BUCKET, S3Server, running_s3

ROOT = Path(__file__).resolve().parents[3]
KEPT, TRASH = PictureShelf.KEPT, PictureShelf.TRASH
DAY_S = 24 * 3600.0
PICTURES, IN_USE = 60, 40


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture(scope="module")
def names() -> Sequence[str]:
    return [content_sha256(picture(number)) for number in range(PICTURES)]


@pytest.fixture(scope="module")
def index(names: Sequence[str]) -> Iterator[QdrantProcess]:
    """An index whose products refer to the first of the pictures."""

    async def fill(url: str) -> None:
        client = connect(url)
        products = qdrant_index(client)
        await products.ensure_collection(soon())
        await products.put(
            [
                replace(item, product=replace(item.product, image_sha256=name))
                for item, name in zip(catalog_of(IN_USE), names, strict=False)
            ],
            soon(),
        )
        await client.close()

    with server_in_memory() as process:
        asyncio.run(fill(process.url))
        yield process


@pytest.fixture(params=["folder", "s3"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FilePlace]:
    """A store of pictures that are two days old."""
    with ThreadPoolExecutor(4) as threads:
        if request.param == "folder":
            place = folder_place(tmp_path / "images", threads)
            monkeypatch.setenv("IMAGE_STORE", str(place.root))
        else:
            server: S3Server = request.getfixturevalue("s3_server")
            place = s3_place(server, threads, monkeypatch)
            monkeypatch.setenv("IMAGE_STORE", f"s3://{BUCKET}/pictures/of-a-shop")
            monkeypatch.setenv("IMAGE_STORE_ENDPOINT", server.endpoint)
            # What is looked at here is what the command does, not how long a busy machine takes.
            monkeypatch.setenv("IMAGE_STORE_BUDGET_S", "30")

        async def fill() -> None:
            # Straight into the bucket's folder, where it is one: that is quicker.
            store = folder_place(place.root, threads).store
            await asyncio.gather(*(store.put(picture(n), soon()) for n in range(PICTURES)))

        asyncio.run(fill())
        for name in place.names(KEPT):
            place.age(KEPT, name, 2 * DAY_S)
        yield place


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (16, 16), (number, 80, 7))


@dataclass
class Command:
    """The command, in this process, which spares its start; `killed_when` makes a real one."""

    environment: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, url: str, *options: str) -> tuple[int, str, str]:
        self.environment.setenv("QDRANT_URL", url)
        status = main(["collect-pictures", *options])
        return status, *self.capsys.readouterr()

    def killed_when(self, url: str, condition: Callable[[], bool]) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "collect-pictures"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "services"), "QDRANT_URL": url},
            stdout=subprocess.DEVNULL,
        )
        end_s = time.monotonic() + 120
        while not condition() and process.poll() is None:
            assert time.monotonic() < end_s
            time.sleep(0.002)
        process.kill()
        process.wait()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    # Logs would go on to a stream that is closed after the test.
    monkeypatch.setattr("gateway.__main__.configure_logging", lambda log_format: None)
    return Command(monkeypatch, capsys)


def test_unused_pictures_go_in_two_steps_and_used_ones_stay(
    place: FilePlace, index: QdrantProcess, names: Sequence[str], command: Command
) -> None:
    used, unused = set(names[:IN_USE]), set(names[IN_USE:])
    status, out, err = command.run(index.url, "--dry-run")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "60 pictures; 40 products refer to 40; 20 unused, 0 of them younger than 24 h.",
        "20 would be set aside, 0 would be taken back, 0 would be removed for good; "
        "20 in the trash, 0 left for the next run.",
    ]
    assert place.names(KEPT) == set(names)

    status, out, _ = command.run(index.url, "--batch", "15")
    assert status == 0
    assert "15 set aside" in out
    assert "5 left for the next run" in out
    assert command.run(index.url)[0] == 0
    assert (place.names(KEPT), place.names(TRASH)) == (used, unused)

    assert "0 removed for good" in command.run(index.url)[1]
    for name in unused:
        place.age(TRASH, name, 2 * DAY_S)
    assert "20 removed for good; 0 in the trash" in command.run(index.url)[1]
    assert (place.names(KEPT), place.names(TRASH)) == (used, set())


def test_a_run_that_is_killed_is_taken_up_by_the_next(
    place: FilePlace, index: QdrantProcess, names: Sequence[str], command: Command
) -> None:
    used, unused = set(names[:IN_USE]), set(names[IN_USE:])
    for count in (3, 10):
        command.killed_when(index.url, lambda count=count: len(place.names(TRASH)) >= count)  # type: ignore[misc]
        assert place.names(KEPT) | place.names(TRASH) == set(names)
        assert used <= place.names(KEPT)
    # A picture whose move was cut off may look as if it had just come: its grace begins anew.
    for name in place.names(KEPT):
        place.age(KEPT, name, 2 * DAY_S)
    assert command.run(index.url)[0] == 0
    assert (place.names(KEPT), place.names(TRASH)) == (used, unused)


def test_an_empty_index_is_refused(
    place: FilePlace, names: Sequence[str], command: Command
) -> None:
    with server_in_memory() as empty:
        status, out, err = command.run(empty.url)
    assert (status, out) == (1, "")
    assert err.startswith("gateway: refused, and nothing was changed: the index refers to no")
    assert len(err.splitlines()) == 1
    assert place.names(KEPT) == set(names)


def test_an_index_that_is_down_is_told(
    place: FilePlace, names: Sequence[str], command: Command
) -> None:
    status, out, err = command.run("http://127.0.0.1:1")
    assert (status, out) == (1, "")
    assert err == "gateway: qdrant: A part of the service is not reachable; try again shortly.\n"
    assert place.names(KEPT) == set(names)


def test_too_large_a_share_is_refused(
    place: FilePlace, index: QdrantProcess, names: Sequence[str], command: Command
) -> None:
    status, _, err = command.run(index.url, "--most-share", "0.3")
    assert status == 1
    assert "20 of 60 pictures would go, more than the share of 30% that may" in err
    assert place.names(KEPT) == set(names)


def test_a_store_that_is_down_and_a_bad_setting_are_told(
    index: QdrantProcess, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("IMAGE_STORE", "s3://shop")
    monkeypatch.setenv("IMAGE_STORE_ENDPOINT", "http://127.0.0.1:1")
    status, _, err = command.run(index.url)
    assert status == 1
    assert err.startswith("gateway: image_store: ")
    monkeypatch.setenv("IMAGE_STORE", "s3:///")
    status, _, err = command.run(index.url)
    assert status == 2
    assert err.startswith("gateway: IMAGE_STORE is ")
    assert len(err.splitlines()) == 1
