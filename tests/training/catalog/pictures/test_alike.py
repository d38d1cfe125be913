"""The very same picture told from one that is merely laid out alike."""

from pathlib import Path

import numpy as np
from PIL import Image

from catalog.pictures.alike import near_identical
from catalog.pictures.fingerprints import near_duplicates, read_fingerprints
from tests.training.catalog.pictures.drawn import drawn, encoded


def write(folder: Path, name: str, image: Image.Image, quality: int = 90) -> str:
    (folder / name).write_bytes(encoded(image, "JPEG", quality=quality))
    return name


def tinted(number: int, red: int) -> Image.Image:
    """The picture in gray, with a cloth of some red upon it: in gray all are alike."""
    gray = np.asarray(drawn(number, mode="L"))
    planes = np.stack([gray, np.full_like(gray, 128), np.full_like(gray, 128)], axis=2)
    planes[80:240, 60:180, 2] = red
    return Image.fromarray(planes, "YCbCr").convert("RGB")


def test_groups_begin_with_the_largest(tmp_path: Path) -> None:
    names = [
        write(tmp_path, "small.jpg", drawn(1).resize((120, 160))),
        write(tmp_path, "large.jpg", drawn(1)),
        write(tmp_path, "coarse.jpg", drawn(1), quality=40),
        write(tmp_path, "other.jpg", drawn(2)),
        write(tmp_path, "a-pair.jpg", drawn(3), quality=95),
        write(tmp_path, "b-pair.jpg", drawn(3), quality=90),
    ]
    assert near_identical(tmp_path, read_fingerprints(tmp_path, names)) == [
        ("a-pair.jpg", "b-pair.jpg"),
        ("large.jpg", "coarse.jpg", "small.jpg"),
    ]


def test_colours_are_told_apart(tmp_path: Path) -> None:
    names = [write(tmp_path, f"{red}.jpg", tinted(1, red)) for red in (100, 128, 156)]
    copy = write(tmp_path, "copy.jpg", tinted(1, 156).resize((180, 240)))
    fingerprints = read_fingerprints(tmp_path, [*names, copy])
    assert near_duplicates(fingerprints) == [("100.jpg", "128.jpg", "156.jpg", "copy.jpg")]
    assert near_identical(tmp_path, fingerprints) == [("156.jpg", "copy.jpg")]


def test_a_picture_that_is_gone_is_in_no_group(tmp_path: Path) -> None:
    names = [write(tmp_path, f"{quality}.jpg", drawn(1), quality) for quality in (80, 90)]
    fingerprints = read_fingerprints(tmp_path, names)
    (tmp_path / names[0]).unlink()
    assert near_identical(tmp_path, fingerprints) == []
