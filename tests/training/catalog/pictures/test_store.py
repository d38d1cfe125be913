"""Pictures kept by content: once, whole, or not at all."""

import hashlib
import os
import resource
import signal
from pathlib import Path

import pytest

from catalog.pictures.fingerprints import fingerprint
from catalog.pictures.store import PictureRefused, PictureStore
from tests.training.catalog.pictures.drawn import drawn, encoded


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_picture_lies_under_its_own_name(tmp_path: Path) -> None:
    content = encoded(drawn(1))
    digest = hashlib.sha256(content).hexdigest()
    stored = PictureStore(tmp_path).add(content)
    assert stored.path == f"images/{digest[:2]}/{digest}.jpg"
    assert (stored.sha256, stored.width, stored.height) == (digest, 240, 320)
    assert (tmp_path / stored.path).read_bytes() == content
    assert files(tmp_path) == [stored.path]


def test_a_second_time_writes_nothing(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    stored = store.add(encoded(drawn(1)))
    os.utime(tmp_path / stored.path, ns=(1, 1))
    assert PictureStore(tmp_path).add(encoded(drawn(1))) == stored
    assert (tmp_path / stored.path).stat().st_mtime_ns == 1


def test_a_file_cut_short_is_written_again(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    path = tmp_path / store.add(encoded(drawn(1))).path
    path.write_bytes(path.read_bytes()[:100])
    store.add(encoded(drawn(1)))
    assert path.read_bytes() == encoded(drawn(1))


def test_the_name_is_that_of_the_bytes_kept(tmp_path: Path) -> None:
    stored = PictureStore(tmp_path).add(encoded(drawn(1), "BMP"))
    kept = (tmp_path / stored.path).read_bytes()
    assert stored.path.endswith(f"{hashlib.sha256(kept).hexdigest()}.png")
    assert stored.fingerprint == fingerprint(drawn(1))


def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PictureRefused) as caught:
        PictureStore(tmp_path).add(b"no picture")
    assert caught.value.reason == "IMAGE_NOT_AN_IMAGE"
    assert files(tmp_path) == []


def test_a_disk_that_takes_no_more_leaves_what_was_there(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    kept = store.add(encoded(drawn(1)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.add(encoded(drawn(2)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert files(tmp_path) == [kept.path]
