"""What the contract of the image store leaves to the folder: the disk itself."""

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from retrieval.domain import Deadline, PictureShelf
from retrieval.errors import (
    DependencyBroken,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
)
from retrieval.image_store import FolderImageStore, content_sha256, decode_stored
from tests.support.image_places import folder_place, soon
from tests.support.pictures import RED, textured


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def store(tmp_path: Path, executor: ThreadPoolExecutor) -> FolderImageStore:
    return FolderImageStore(tmp_path / "images", executor, read_budget_s=10)


WRITER = """
import asyncio, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
from retrieval.domain import Deadline
from retrieval.image_store import FolderImageStore

async def main():
    store = FolderImageStore(Path(sys.argv[1]), ThreadPoolExecutor(4))
    async def put(number):
        color = (number >> 8, number & 255, 7)
        print(await store.put(Image.new("RGB", (64, 64), color), Deadline.after(60)), flush=True)
    for start in range(0, 65536, 8):
        await asyncio.gather(*(put(start + step) for step in range(8)))

asyncio.run(main())
"""


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_a_picture_is_written_once(store: FolderImageStore, tmp_path: Path) -> None:
    first = await store.put(textured(), soon())
    (path,) = files(tmp_path)
    before = path.stat()
    assert await store.put(textured(), soon()) == first
    after = path.stat()
    assert files(tmp_path) == [path]
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


async def test_damage_on_the_disk_is_seen(store: FolderImageStore, tmp_path: Path) -> None:
    sha256 = await store.put(textured(), soon())
    other = await store.put(Image.new("RGB", (60, 40), RED), soon())
    data, wrong = await store.get(sha256, soon()), await store.get(other, soon())

    assert data is not None
    assert wrong is not None
    for damaged in (data[: len(data) // 2], b"", b"<html>", wrong):
        with pytest.raises(DependencyBroken):
            decode_stored(damaged, sha256)


async def test_a_disk_that_fails_is_unavailable(store: FolderImageStore, tmp_path: Path) -> None:
    """A file stands where the folder of this picture would be."""
    sha256 = content_sha256(textured())
    (tmp_path / "images" / sha256[:2]).write_bytes(b"")

    with pytest.raises(DependencyUnavailable) as caught:
        await store.put(textured(), soon())
    assert caught.value.dependency == "image_store"
    with pytest.raises(DependencyUnavailable):
        await store.get(sha256, soon())
    assert not list((tmp_path / "images" / "incoming").iterdir())


async def test_a_full_disk_is_told_apart(
    store: FolderImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("retrieval.image_store.folder.os.fsync", no_space)
    with pytest.raises(DependencyExhausted) as caught:
        await store.put(textured(), soon())
    assert caught.value.dependency == "image_store"
    assert not files(tmp_path)


def test_a_killed_writer_leaves_whole_files_only(tmp_path: Path) -> None:
    root = tmp_path / "images"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, env=environment
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().decode().strip() for _ in range(20)]
        writer.kill()

    for sha256 in acknowledged:
        assert (root / sha256[:2] / f"{sha256}.webp").is_file()
    for path in root.rglob("*.webp"):
        decode_stored(path.read_bytes(), path.stem)


def test_what_a_killed_writer_left_is_removed(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    old, fresh = incoming / "old", incoming / "fresh"
    old.write_bytes(b"half")
    fresh.write_bytes(b"being written")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))

    FolderImageStore(tmp_path, executor)

    assert list(incoming.iterdir()) == [fresh]


async def test_a_disk_that_hangs_costs_a_caller_its_deadline(
    store: FolderImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = await store.put(textured(), soon())
    answers = threading.Event()

    def hang(path: Path, mode: str) -> None:
        answers.wait(20)
        raise FileNotFoundError

    monkeypatch.setattr(Path, "open", hang)
    begin_s = time.monotonic()
    with pytest.raises(DependencyTimeout):
        await store.get(sha256, Deadline.after(0.2))
    assert time.monotonic() - begin_s < 2
    answers.set()


async def test_threads_that_hang_cost_an_import_its_deadline(tmp_path: Path) -> None:
    answers = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        store = FolderImageStore(tmp_path / "images", pool)
        pool.submit(answers.wait, 20)
        begin_s = time.monotonic()
        with pytest.raises(DependencyTimeout):
            await store.put(textured(), Deadline.after(0.2))
        assert time.monotonic() - begin_s < 2
        answers.set()


async def test_each_call_is_counted(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    place = folder_place(tmp_path / "images", executor)
    sha256 = await place.store.put(textured(), soon())
    await place.store.get(sha256, soon())
    place.spoil(sha256, b"<html>")
    await place.store.get(sha256, soon())
    with pytest.raises(DependencyTimeout):
        await place.store.get(sha256, Deadline.after(0))
    assert place.seen.outcomes == ["missing", "ok", "ok", "damaged", "missing", "timeout"]


async def test_what_is_no_picture_is_left_alone(store: FolderImageStore, tmp_path: Path) -> None:
    sha256 = await store.put(textured(), soon())
    strangers = ["ab/notes.txt", "ab/0.webp", "trash/x", "lost+found/y", "z"]
    for name in strangers:
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = [picture.sha256 async for picture in store.pictures(PictureShelf.KEPT, soon())]
    assert found == [sha256]
    assert not [picture async for picture in store.pictures(PictureShelf.TRASH, soon())]


@pytest.mark.parametrize("side", [6_000, 16_383])
def test_a_file_that_says_it_is_huge_is_not_decoded(side: int) -> None:
    """A VP8L header alone; of 16,383 x 16,383 pixels, 800 MB would be made, were it believed."""
    header = bytes([0x2F]) + ((side - 1) | ((side - 1) << 14)).to_bytes(4, "little")
    chunk = b"VP8L" + len(header).to_bytes(4, "little") + header + b"\0"
    data = b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk
    with pytest.raises(DependencyBroken):
        decode_stored(data, "0" * 64)
