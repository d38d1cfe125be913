"""Photos in the demo's data, with drawn garments standing in for them."""

import csv
import json
from collections import Counter
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import CatalogError
from demo_catalog.draw import draw
from demo_catalog.garments import Garment
from demo_data.photos.blocks import BLOCK, COLORS, LABELS, blocks
from demo_data.photos.folder import prepare_photos
from demo_data.photos.photo import Part, Photo, part_of
from demo_data.photos.questions import (
    LEAST_RIGHT,
    edit_questions,
    held_out_questions,
    photo_records,
    right,
    training_questions,
)
from demo_data.write import HELD_OUT, TRAINING, Plan, write_data
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import Protocol

PLAN = Plan(families=2, validation_pairs=1, held_out_pairs=8)
LABELS_OF = {"t-shirt": "T-Shirt", "coat": "Outwear"}
SHOWN = ("red", "blue")
COPIES = (Part.TRAINING, Part.TRAINING, Part.VALIDATION, *[Part.HELD_OUT] * LEAST_RIGHT)


def id_in(part: Part, prefix: str) -> str:
    """An id that begins so and serves for this."""
    return next(name for n in count() if part_of(name := f"{prefix}-{n}") is part)


def write_source(folder: Path, *, name: str = "products.csv", column: str = "id") -> Path:
    """A list of drawn garments that stand in for photos, and of what is to be left out."""
    rng = np.random.default_rng(31)
    (folder / "images").mkdir(parents=True)
    rows = []
    for category, label in LABELS_OF.items():
        for color in SHOWN:
            garment = Garment(
                category, color, sleeve="long", length="knee" if category == "coat" else None
            )
            for place, part in enumerate(COPIES):
                rows.append((id_in(part, f"{category}-{color}-{place}"), label))
                draw(garment, rng).save(folder / "images" / f"{rows[-1][0]}.jpg")
    rows += [("unlabelled", "Not sure"), ("lost", "Dress"), ("broken", "Dress")]
    rows += [("../outside", "Dress")]
    (folder / "images" / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([(column, "label", "kids"), *((*row, False) for row in rows)])
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_source(tmp_path_factory.mktemp("clothing"))


@pytest.fixture(scope="module")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("demo") / "data"
    return write_data(target, PLAN, photos=source, workers=1, progress=False)


def test_labels_and_colors_of_photos_are_read(
    source: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = prepare_photos(source, folder.with_name("data-photos"), workers=1)
    assert len(shelf.photos) == len(LABELS_OF) * len(SHOWN) * len(COPIES)
    told = [photo for photo in shelf.photos if photo.color is not None]
    assert len(told) > 0.8 * len(shelf.photos)
    assert sum(photo.id.startswith(f"{photo.category}-{photo.color}-") for photo in told) > 0.9 * (
        len(told)
    )
    said = capsys.readouterr().out
    assert f"{len(shelf.photos)} photos" in said
    assert "2 without a usable label and 2 missing or damaged" in said


def test_photos_are_measured_once(source: Path, folder: Path) -> None:
    kept = folder.with_name("data-photos") / "photos.json"
    before = kept.stat().st_mtime_ns
    prepare_photos(source, kept.parent, workers=1, progress=False)
    assert kept.stat().st_mtime_ns == before


def test_the_data_sets_own_list_will_do(tmp_path: Path) -> None:
    source = write_source(tmp_path / "clothing", name="images.csv", column="image")
    for path in (source / "images").glob("[!t]*.jpg"):
        path.unlink()
    shelf = prepare_photos(source, tmp_path / "photos", workers=1, progress=False)
    assert {photo.category for photo in shelf.photos} == {"t-shirt"}


def test_a_folder_without_a_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"holds no products\.csv"):
        prepare_photos(tmp_path, tmp_path / "photos", workers=1, progress=False)
    (tmp_path / "products.csv").write_text("id,label\none,Other\n")
    with pytest.raises(CatalogError, match="no columns"):
        prepare_photos(tmp_path, tmp_path / "photos", workers=1, progress=False)


def test_training_never_sees_what_is_held_out(folder: Path) -> None:
    ids = {
        name: photo_id
        for photo_id, name, *_ in json.loads(
            (folder.with_name("data-photos") / "photos.json").read_text()
        )
    }
    data = FashionIq.open(folder / TRAINING)
    assert data.categories == ("drawn", "photos")
    seen: dict[Part, set[str]] = {part: set() for part in Part}
    training = data.training()
    for name in training.names:
        if name in ids:
            seen[part_of(ids[name])].add(name)
    assert seen[Part.TRAINING]
    assert not seen[Part.HELD_OUT] | seen[Part.VALIDATION]
    assert all(set(training.attributes[name]) >= {"category"} for name in training.names)
    held_out = FashionIq.open(folder / HELD_OUT, ("photos-edits",))
    (gallery,) = held_out.evaluation(Protocol.ANY_RIGHT)
    assert {part_of(ids[name]) for name in gallery.gallery} == {Part.HELD_OUT}
    assert all(gallery.pictures.path(name).is_file() for name in gallery.gallery)


def test_the_share_that_is_held_out_does_not_move() -> None:
    counts = Counter(part_of(f"photo {number}") for number in range(20_000))
    assert 0.14 < counts[Part.HELD_OUT] / 20_000 < 0.16
    assert 0.025 < counts[Part.VALIDATION] / 20_000 < 0.035
    assert part_of("00003aeb-ace5-43bf-9a0c-dc31a03e9cd2") is Part.TRAINING


def shelf_of(number: int, rng: np.random.Generator) -> list[Photo]:
    categories, colors = ("t-shirt", "dress", "coat", "pants"), (*SHOWN, "green", "yellow", None)
    return [
        Photo(str(n), f"photo-{n}", *(options[int(rng.integers(len(options)))]
                                      for options in (categories, colors)))
        for n in range(number)
    ]  # fmt: skip


def test_blocks_hold_every_photo_once_and_few_labels_and_colors() -> None:
    rng = np.random.default_rng(32)
    photos = shelf_of(400, rng)
    made = list(blocks(photos, rng))
    assert Counter(p.id for block in made for p in block) == Counter(p.id for p in photos)
    for block in made:
        assert len(block) <= BLOCK
        assert len({p.category for p in block}) <= LABELS
        assert len({p.color for p in block} - {None}) <= COLORS
    assert sum(len(block) == BLOCK for block in made) > 0.6 * 400 / BLOCK


def test_every_question_is_answered_by_its_target_and_not_by_its_reference() -> None:
    rng = np.random.default_rng(33)
    photos = shelf_of(120, rng)
    made = list(blocks(photos, rng))
    asked = training_questions(made, rng, edits=3, descriptions=1)
    edits = [question for question in asked if question.reference is not question.target]
    assert len(asked) - len(edits) == len(photos)
    assert 2 * len(photos) < len(edits) <= 3 * len(photos)
    of_block = {photo.id: number for number, block in enumerate(made) for photo in block}
    for question in edits:
        assert of_block[question.reference.id] == of_block[question.target.id]
        assert not right(question.target, question.reference)
        assert question.text


def test_words_say_what_changes_and_nothing_else() -> None:
    rng = np.random.default_rng(34)
    red = Photo("0", "0", "dress", "red")
    for _ in range(40):
        (question,) = edit_questions(red, [red, Photo("1", "1", "dress", "purple")], rng, most=2)
        assert "skirt" not in question.text
        assert "red" not in question.text.split()
        (question,) = edit_questions(red, [Photo("2", "2", "skirt", "red")], rng, most=2)
        assert "skirt" in question.text
        assert "red" not in question.text.split()
    unsure = Photo("3", "3", "skirt", None)
    assert not edit_questions(red, [unsure], rng, most=2), "nobody knows how to get there"
    assert not edit_questions(red, [Photo("4", "4", "dress", "red")], rng, most=2)


def test_alternatives_are_all_that_answer() -> None:
    rng = np.random.default_rng(35)
    photos = [photo for photo in shelf_of(150, rng) if photo.color is not None]
    by_name = {photo.name: photo for photo in photos}
    held_out = held_out_questions(photos, rng, edits=2)
    judges = {
        "photos-edits": lambda t, p: (t.category, t.color) == (p.category, p.color),
        "photos-edits-label": lambda t, p: t.category == p.category,
        "photos-edits-color": lambda t, p: t.color == p.color,
        "photos-text": lambda t, p: (t.category, t.color) == (p.category, p.color),
        "photos-images": lambda t, p: t.category == p.category,
    }
    assert held_out.keys() == judges.keys()
    for category, (asked, judge) in held_out.items():
        for record in photo_records(asked, photos, judge):
            own = {record["candidate"], record["target"]}
            target = by_name[record["target"]]
            every = {p.name for p in photos if judges[category](target, p)}
            assert set(record["alternatives"]) == every - own
            assert len(every) >= LEAST_RIGHT or category == "photos-images"
            if category == "photos-images":
                assert judge(target, by_name[record["candidate"]])
            elif category in ("photos-edits", "photos-text"):
                assert not judge(target, by_name[record["candidate"]])
