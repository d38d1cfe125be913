"""Fingerprints, and the file that keeps them."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from catalog.pictures.fingerprints import (
    KEPT,
    fingerprint,
    keep_fingerprints,
    near_duplicates,
    read_fingerprints,
)
from catalog.pictures.reading import read_picture
from tests.training.catalog.pictures.drawn import drawn, encoded


def write(folder: Path, *numbers: int) -> list[str]:
    for number in numbers:
        (folder / f"{number}.jpg").write_bytes(encoded(drawn(number)))
    return [f"{number}.jpg" for number in numbers]


def test_copies_are_near_and_others_far() -> None:
    originals = {f"{number}": fingerprint(drawn(number)) for number in range(40)}
    assert all(0 <= value < 1 << 64 for value in originals.values())
    assert near_duplicates(originals) == []
    for number in range(40):
        image = drawn(number)
        for copy in (
            encoded(image, "JPEG", quality=40),
            encoded(image, "WEBP", quality=60),
            encoded(image.resize((120, 160), Image.Resampling.BICUBIC), "JPEG", quality=75),
        ):
            with_copy = originals | {"copy": fingerprint(read_picture(copy).image)}
            assert near_duplicates(with_copy) == [tuple(sorted((f"{number}", "copy")))]


def test_kept_and_not_computed_again(tmp_path: Path) -> None:
    names = write(tmp_path, 1, 2, 3)
    computed = read_fingerprints(tmp_path, names)
    assert list(computed) == names
    kept = json.loads((tmp_path / KEPT).read_text())
    kept["pictures"]["2.jpg"][-1] = f"{7:016x}"
    (tmp_path / KEPT).write_text(json.dumps(kept))
    assert read_fingerprints(tmp_path, reversed(names)) == computed | {"2.jpg": 7}


def test_a_changed_file_is_computed_again(tmp_path: Path) -> None:
    names = write(tmp_path, 1, 2)
    before = read_fingerprints(tmp_path, names)
    (tmp_path / "1.jpg").write_bytes(encoded(drawn(9)))
    os.utime(tmp_path / "1.jpg", ns=(5, 5))
    assert read_fingerprints(tmp_path, names)["1.jpg"] not in before.values()


def test_known_ones_are_added(tmp_path: Path) -> None:
    names = write(tmp_path, 1, 2)
    read_fingerprints(tmp_path, names[:1])
    keep_fingerprints(tmp_path, {"2.jpg": 7})
    assert read_fingerprints(tmp_path, names)["2.jpg"] == 7
    assert len(json.loads((tmp_path / KEPT).read_text())["pictures"]) == 2


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"method": "another"}'])
def test_an_unusable_file_is_made_again(tmp_path: Path, content: bytes) -> None:
    names = write(tmp_path, 1)
    (tmp_path / KEPT).write_bytes(content)
    assert set(read_fingerprints(tmp_path, names)) == {"1.jpg"}
    assert json.loads((tmp_path / KEPT).read_text())["pictures"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    names = write(tmp_path, 1)
    (tmp_path / "text.jpg").write_text("no picture")
    assert set(read_fingerprints(tmp_path, [*names, "text.jpg", "missing.jpg"])) == {"1.jpg"}
