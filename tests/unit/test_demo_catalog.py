"""The demo catalog: its garments, their pictures, and the files it writes."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from demo_catalog.__main__ import main
from demo_catalog.draw import Kind, draw
from demo_catalog.folder import ForeignDirectoryError
from demo_catalog.garments import (
    ATTRIBUTES,
    CATEGORIES,
    COLOR_NAMES,
    Garment,
    InvalidGarmentError,
    check_garment,
    possible_values,
    sample_garment,
    visible_pattern_colors,
    with_changes,
)
from demo_catalog.labels import BRANDS, title
from demo_catalog.palette import contrast, jittered, nearest
from demo_catalog.write import MAX_SNAPSHOTS, make_product, make_snapshot, write_catalog

SERVICES = Path(__file__).parents[2] / "services"
MODEL_SIZE = 112


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def plain(category: str) -> Garment:
    """A garment of this category with nothing special about it."""
    return with_changes(Garment("jeans", "blue"), category=category)


def every_variant() -> Iterator[tuple[str, Garment]]:
    """Each category with each value of each attribute."""
    for category in CATEGORIES:
        base = plain(category)
        for attribute in ATTRIBUTES:
            ground = with_changes(base, pattern="dotted") if "pattern_c" in attribute else base
            for value in possible_values(ground, attribute):
                yield attribute, with_changes(ground, **{attribute: value})


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


# Garments


def test_every_variant_is_valid_and_draws_as_something() -> None:
    for _, garment in every_variant():
        check_garment(garment)
        picture = draw(garment, rng(1), 128)
        assert (picture.mode, picture.size) == ("RGB", (128, 128))
        assert np.asarray(picture, dtype=np.float32).std() > 8, garment


def test_samples_are_valid_and_cover_every_value_of_every_attribute() -> None:
    generator = rng(2)
    seen: Counter[tuple[str, str, Any]] = Counter()
    for _ in range(8000):
        garment = sample_garment(generator)
        check_garment(garment)
        seen[garment.category, "category", garment.category] += 1
        for attribute in ATTRIBUTES:
            seen[garment.category, attribute, getattr(garment, attribute)] += 1
    for category in CATEGORIES:
        assert 600 < seen[category, "category", category] < 1000
        for attribute, by_category in ATTRIBUTES.items():
            for value in by_category.get(category, ()):
                assert seen[category, attribute, value] >= 15, (category, attribute, value)


def test_attributes_are_what_applies_and_nothing_else() -> None:
    jeans = Garment("jeans", "blue").attributes()
    assert jeans == {"category": "jeans", "color": "blue", "pattern": "plain", "pocket": False}
    coat = Garment("coat", "red", "striped", "white", "long", "knee", hood=True, buttons=True)
    assert coat.attributes() == {
        "category": "coat", "color": "red", "pattern": "striped", "pattern_color": "white",
        "sleeve": "long", "length": "knee", "hood": True, "pocket": False, "buttons": True,
    }  # fmt: skip
    assert Garment("hat", "green").attributes()["print"] == "none"


def test_one_change_to_any_possible_value_keeps_a_sample_valid() -> None:
    generator = rng(3)
    for _ in range(300):
        garment = sample_garment(generator)
        for attribute in ("category", *ATTRIBUTES):
            for value in possible_values(garment, attribute):
                changed = with_changes(garment, **{attribute: value})
                assert getattr(changed, attribute) == value
                if attribute not in ("category", "pattern"):
                    others = [name for name in ATTRIBUTES if name != attribute]
                    assert [getattr(changed, n) for n in others] == [
                        getattr(garment, n) for n in others
                    ]


def test_changes_bring_their_consequences() -> None:
    dotted = with_changes(Garment("hat", "black"), pattern="dotted")
    assert dotted.pattern_color in visible_pattern_colors("black")
    assert with_changes(dotted, pattern="plain").pattern_color is None
    white = Garment("hat", "black", "dotted", "white")
    assert with_changes(white, color="white").pattern_color not in (None, "white")
    shirt = Garment("t-shirt", "red", sleeve="short", pocket=True, print="star")
    assert with_changes(shirt, category="coat") == Garment(
        "coat", "red", sleeve="long", length="long", pocket=True
    )
    assert with_changes(shirt, category="hoodie").hood


@pytest.mark.parametrize(
    "changes",
    [
        {"color": "crimson"},
        {"category": "sock"},
        {"sleeve": "short"},
        {"hood": True},
        {"print": "star"},
        {"pattern_color": "white"},
        {"pattern": "striped", "pattern_color": "blue"},
        {"fabric": "silk"},
    ],
)
def test_impossible_changes_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidGarmentError):
        with_changes(Garment("jeans", "blue"), **changes)


def test_an_invalid_garment_is_not_drawn() -> None:
    with pytest.raises(InvalidGarmentError):
        draw(Garment("sneakers", "red", hood=True), rng(4))


# Colours and pictures


def test_palette_colours_are_distinct_and_dye_lots_keep_their_name() -> None:
    assert min(contrast(a, b) for a, b in combinations(COLOR_NAMES, 2)) > 25
    for name in COLOR_NAMES:
        lots = [nearest(jittered(name, rng(5, i))) for i in range(150)]
        assert lots.count(name) >= 148, name


def test_the_middle_of_a_plain_garment_has_its_colour() -> None:
    """Sneakers are left out: laces and background share the middle with them."""
    total, right = 0, 0
    for index, category in enumerate(c for c in CATEGORIES if c != "sneakers"):
        for number, color in enumerate(COLOR_NAMES):
            garment = with_changes(plain(category), color=color)
            for pose in range(2):
                picture = np.asarray(draw(garment, rng(6, index, number, pose), 160))
                middle = picture[56:104, 56:104].reshape(-1, 3).astype(np.float32)
                total += 1
                right += nearest(np.median(middle, axis=0)) == color
    assert right / total >= 0.97, f"{right} of {total}"


def seen(garment: Garment, kind: Kind) -> NDArray[np.float32]:
    """What the model sees of it, always in the same pose and place."""
    picture = draw(garment, rng(7), 2 * MODEL_SIZE, kind).reduce(2)
    return np.asarray(picture, dtype=np.float32)


@pytest.mark.parametrize(("kind", "least"), [("product", 25), ("snapshot", 20)])
def test_every_change_can_be_seen_at_the_models_size(kind: Kind, least: int) -> None:
    """The same pose with and without: enough of the 112 x 112 pixels must differ clearly."""
    bases: dict[Garment, NDArray[np.float32]] = {}
    for attribute, garment in every_variant():
        base = plain(garment.category)
        if attribute == "pattern_color":
            base = with_changes(base, pattern="dotted")
        if garment == base:
            continue
        if base not in bases:
            bases[base] = seen(base, kind)
        changed = np.abs(bases[base] - seen(garment, kind)).max(axis=2) > 24
        assert changed.sum() >= least, (attribute, garment, int(changed.sum()))


@pytest.mark.parametrize("size", [64, 96, 320, 333])
def test_any_size_draws_and_repeats_itself(size: int) -> None:
    garment = Garment("dress", "green", "floral", "pink", "short", "knee", pocket=True)
    seen = set()
    for seed in range(12):  # enough to meet every background
        first, second = (draw(garment, rng(8, seed), size) for _ in range(2))
        assert first.size == (size, size)
        assert first.tobytes() == second.tobytes()
        seen.add(first.tobytes())
    assert len(seen) == 12


def test_pictures_drawn_small_are_like_pictures_made_small() -> None:
    """Texture is finer than a small pixel and differs; shapes, colours and light do not."""
    differences = []
    for seed in range(40):
        garment = sample_garment(rng(9, seed))
        large, small = (draw(garment, rng(10, seed), size) for size in (320, MODEL_SIZE))
        shrunk = np.asarray(large.resize(small.size, Image.Resampling.BOX), dtype=np.float32)
        differences.append(np.abs(shrunk - np.asarray(small, dtype=np.float32)).mean())
    assert np.median(differences) < 7
    assert max(differences) < 25


def test_a_picture_too_small_to_show_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        draw(Garment("jeans", "blue"), rng(4), 63)


# Snapshots


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_snapshot_repeats_itself_and_is_not_the_product(category: str) -> None:
    for seed in range(6):  # enough to meet most poses and scenes
        first, second = (draw(plain(category), rng(12, seed), 96, "snapshot") for _ in range(2))
        assert (first.mode, first.size) == ("RGB", (96, 96))
        assert first.tobytes() == second.tobytes()
        assert first.tobytes() != draw(plain(category), rng(12, seed), 96).tobytes()


def test_a_worn_garment_shows_its_colour_in_the_middle() -> None:
    """Light, skin and scene leave it its name; what counts is a share of the middle's pixels."""
    shares = []
    for index, category in enumerate(c for c in CATEGORIES if c != "sneakers"):
        for number, color in enumerate(COLOR_NAMES):
            garment = with_changes(plain(category), color=color)
            picture = np.asarray(draw(garment, rng(13, index, number), 160, "snapshot"))
            middle = picture[48:112:8, 48:112:8].reshape(-1, 3).astype(np.float32)
            shares.append(np.mean([nearest(pixel) == color for pixel in middle]))
    assert np.mean([share > 0.35 for share in shares]) >= 0.95
    assert np.median(shares) > 0.6


def test_a_snapshot_is_the_products_garment_in_another_picture() -> None:
    _, jpeg = make_product(7, 3)
    worn = make_snapshot(7, 3)
    assert worn == make_snapshot(7, 3)
    assert worn != jpeg
    with Image.open(io.BytesIO(worn)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (320, 320))


# Products


def test_a_product_is_a_line_of_the_feed_and_a_small_picture() -> None:
    sizes = []
    for index in range(60):
        product, jpeg = make_product(7, index)
        assert list(product)[:6] == ["id", "title", "image", "brand", "price", "currency"]
        assert product["id"] == f"demo-{index:05d}"
        assert product["brand"] in BRANDS
        assert isinstance(product["price"], float)
        assert 5 < product["price"] < 400
        assert str(product["color"]) in str(product["title"]).lower()
        with Image.open(io.BytesIO(jpeg)) as picture:
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (320, 320))
        sizes.append(len(jpeg))
    assert 8_000 < np.mean(sizes) < 25_000
    assert max(sizes) < 45_000


def test_titles_say_what_can_be_seen() -> None:
    hoodie = Garment("hoodie", "navy", "striped", "white", "long", hood=True, pocket=True)
    assert title(hoodie) == "Striped navy hoodie with pocket"
    dress = Garment("dress", "red", sleeve="none", length="short", pocket=True, buttons=True)
    assert title(dress) == "Mini sleeveless red dress with pockets and buttons"
    assert title(Garment("hat", "pink", print="cat")) == "Pink hat with cat print"


# Files


def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    one = write_catalog(tmp_path / "one", 60, 11, workers=1, progress=False)
    two = write_catalog(tmp_path / "two", 60, 11, workers=2, progress=False)
    assert contents(one) == contents(two)
    lines = [json.loads(line) for line in (one / "products.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"demo-{i:05d}" for i in range(60)]
    assert all((one / line["image"]).is_file() for line in lines)
    more = write_catalog(tmp_path / "more", 70, 11, workers=1, progress=False)
    assert contents(one)["images/demo-00059.jpg"] == contents(more)["images/demo-00059.jpg"]


def test_a_whole_catalog_is_left_alone_and_any_other_is_replaced(tmp_path: Path) -> None:
    directory = write_catalog(tmp_path / "catalog", 6, 1, workers=1, progress=False)
    first = contents(directory)
    times = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    write_catalog(directory, 6, 1, workers=1, progress=False)
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == times

    (directory / "images" / "demo-00003.jpg").unlink()
    write_catalog(directory, 6, 1, workers=1, progress=False)
    assert contents(directory) == first
    write_catalog(directory, 5, 2, workers=1, progress=False)
    assert len(contents(directory)) == 5 + 5 + 2
    assert sorted(p.name for p in tmp_path.iterdir()) == [".catalog.lock", "catalog"]


def test_what_is_not_a_catalog_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")
    for name in ("photos", "file"):
        with pytest.raises(ForeignDirectoryError):
            write_catalog(tmp_path / name, 2, workers=1, progress=False)
        assert main(["--output", str(tmp_path / name), "--count", "2"]) == 2
    assert (tmp_path / "photos" / "mine.jpg").read_bytes() == b"mine"
    assert (tmp_path / "file").read_bytes() == b"mine"
    (tmp_path / "empty").mkdir()
    write_catalog(tmp_path / "empty", 2, workers=1, progress=False)


@pytest.mark.parametrize(("count", "seed"), [(0, 1), (100_000, 1), (3, -1)])
def test_impossible_numbers_are_refused(tmp_path: Path, count: int, seed: int) -> None:
    with pytest.raises(ValueError, match="count"):
        write_catalog(tmp_path / "catalog", count, seed)
    assert list(tmp_path.iterdir()) == []


def start(directory: Path, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "demo_catalog", "--output", str(directory)]
    return subprocess.Popen(
        [*command, "--count", str(count), "--seed", "3"],
        env={**os.environ, "PYTHONPATH": str(SERVICES)},
        stderr=subprocess.PIPE,
    )


def wait_for_pictures(parent: Path, least: int) -> Path:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for partial in parent.glob(".catalog.partial-*"):
            if sum(1 for _ in partial.glob("images/*.jpg")) >= least:
                return partial
        time.sleep(0.02)
    pytest.fail("nothing was drawn in 60 s")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_leaves_no_catalog_and_the_next_one_completes(
    tmp_path: Path, how: signal.Signals
) -> None:
    directory = tmp_path / "catalog"
    process = start(directory, 3000)
    partial = wait_for_pictures(tmp_path, 10)
    process.send_signal(how)
    _, output = process.communicate(timeout=60)  # ends when the drawing processes have ended too
    assert process.returncode == (130 if how is signal.SIGINT else -how)
    assert b"Traceback" not in output
    assert not directory.exists()
    assert 10 <= sum(1 for _ in partial.glob("images/*.jpg")) < 3000

    write_catalog(directory, 30, 3, workers=1, progress=False)
    clean = write_catalog(tmp_path / "clean", 30, 3, workers=1, progress=False)
    assert contents(directory) == contents(clean)
    assert not partial.exists()


def test_two_runs_at_once_give_one_catalog(tmp_path: Path) -> None:
    directory = tmp_path / "catalog"
    processes = [start(directory, 30) for _ in range(2)]
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0, 0]
    assert len(contents(directory)) == 30 + MAX_SNAPSHOTS + 2
