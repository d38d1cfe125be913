"""The folder image store on a real disk."""

import asyncio
import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import DependencyBroken, DependencyExhausted, DependencyUnavailable
from retrieval.image_store import FolderImageStore, content_sha256, decode_stored
from tests.support.pictures import RED, textured


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def store(tmp_path: Path, executor: ThreadPoolExecutor) -> FolderImageStore:
    return FolderImageStore(tmp_path / "images", executor)


WRITER = """
import asyncio, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
from retrieval.image_store import FolderImageStore

async def main():
    store = FolderImageStore(Path(sys.argv[1]), ThreadPoolExecutor(4))
    async def put(number):
        color = (number >> 8, number & 255, 7)
        print(await store.put(Image.new("RGB", (64, 64), color)), flush=True)
    for start in range(0, 65536, 8):
        await asyncio.gather(*(put(start + step) for step in range(8)))

asyncio.run(main())
"""


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [(96, 64), (16, 1600), (1, 1)])
async def test_a_picture_comes_back_pixel_for_pixel(
    store: FolderImageStore, size: tuple[int, int]
) -> None:
    image = textured(size)
    sha256 = await store.put(image)
    data = await store.get(sha256)

    assert data is not None
    back = decode_stored(data, sha256)
    assert back.mode == "RGB"
    np.testing.assert_array_equal(back, image)


async def test_equal_pixels_of_another_shape_have_another_name(store: FolderImageStore) -> None:
    wide, tall = Image.new("RGB", (60, 40), RED), Image.new("RGB", (40, 60), RED)
    assert wide.tobytes() == tall.tobytes()
    assert await store.put(wide) != await store.put(tall)


async def test_a_picture_is_written_once(store: FolderImageStore, tmp_path: Path) -> None:
    first = await store.put(textured())
    (path,) = files(tmp_path)
    before = path.stat()
    assert await store.put(textured()) == first
    after = path.stat()
    assert files(tmp_path) == [path]
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


async def test_many_at_once_leave_one_whole_file(store: FolderImageStore, tmp_path: Path) -> None:
    names = await asyncio.gather(*(store.put(textured()) for _ in range(32)))
    assert set(names) == {content_sha256(textured())}
    assert [path.name for path in files(tmp_path)] == [f"{names[0]}.webp"]


@pytest.mark.parametrize("name", ["0" * 64, "", "../../etc/passwd", "A" * 64, "0" * 64 + "\n"])
async def test_an_unknown_name_has_no_picture(store: FolderImageStore, name: str) -> None:
    assert await store.get(name) is None


async def test_only_rgb_is_stored(store: FolderImageStore) -> None:
    with pytest.raises(ValueError, match="not RGBA"):
        await store.put(textured().convert("RGBA"))


async def test_damage_on_the_disk_is_seen(store: FolderImageStore, tmp_path: Path) -> None:
    sha256 = await store.put(textured())
    other = await store.put(Image.new("RGB", (60, 40), RED))
    data, wrong = await store.get(sha256), await store.get(other)

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
        await store.put(textured())
    assert caught.value.dependency == "image_store"
    with pytest.raises(DependencyUnavailable):
        await store.get(sha256)
    assert not list((tmp_path / "images" / "incoming").iterdir())


async def test_a_full_disk_is_told_apart(
    store: FolderImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("retrieval.image_store.os.fsync", no_space)
    with pytest.raises(DependencyExhausted) as caught:
        await store.put(textured())
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
