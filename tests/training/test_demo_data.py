"""The demo's data on disk: a data set like any other, whole, repeatable, and rightly judged."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from demo_catalog.folder import ForeignDirectoryError
from demo_catalog.garments import Garment
from demo_data.attributes import NAMES, garment_vector, wish_vector
from demo_data.edits import sample_family
from demo_data.families import Picture
from demo_data.questions import (
    describe,
    edit_questions,
    family_records,
    in_new_words,
    in_other_words,
    is_detail,
    judged_records,
    training_questions,
)
from demo_data.write import HELD_OUT, TRAINING, Plan, write_data
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import Protocol

PLAN = Plan(families=6, validation_pairs=3, held_out_pairs=20)
QUESTIONS = (
    "descriptions", "details", "new-words", "one-change", "other-words", "snapshots",
    "three-changes", "two-changes",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("demo") / "data", PLAN, workers=1, progress=False)


def test_it_is_read_like_any_data_set(folder: Path) -> None:
    data = FashionIq.open(folder / TRAINING)
    assert data.categories == ("drawn",)
    training = data.training()
    edits = [query for query in training.queries if query.reference != query.target]
    assert 3 * PLAN.families < len(edits) <= PLAN.edits * PLAN.families
    assert len(training.queries) - len(edits) == PLAN.descriptions * PLAN.families
    assert all(training.pictures.path(name).is_file() for name in training.names)
    shown = training.attributes[training.names[0]]
    assert {"category", "color", "pattern"} <= shown.keys()
    validation, *_ = data.evaluation(Protocol.ORIGINAL_SPLIT)
    assert len(validation.gallery) == 2 * PLAN.validation_pairs
    assert not set(validation.gallery) & set(training.names)


def test_what_is_held_out_is_judged_by_every_right_picture(folder: Path) -> None:
    data = FashionIq.open(folder / HELD_OUT)
    assert data.categories == QUESTIONS
    assert Protocol.ANY_RIGHT in data.protocols
    sets = {found.name: found for found in data.evaluation(Protocol.ANY_RIGHT)}
    assert {len(found.gallery) for found in sets.values()} == {2 * PLAN.held_out_pairs}
    for found in sets.values():
        for query in found.queries:
            assert query.reference not in query.alternatives
            assert query.target not in query.alternatives


def test_alternatives_are_what_satisfies_the_question() -> None:
    rng = np.random.default_rng(21)
    families = [
        [Picture(f"{n}-{m}", garment) for m, garment in enumerate(sample_family(rng, 2))]
        for n in range(200)
    ]
    gallery = [picture for family in families for picture in family]
    asked = [describe(*family, rng) for family in families]
    asked += [question for family in families for question in edit_questions(family, rng)]
    listed = 0
    for question, record in zip(asked, judged_records(asked, gallery), strict=True):
        wish = wish_vector(question.wish)
        right = {p.name for p in gallery if (wish & garment_vector(p.garment)).sum() == len(NAMES)}
        assert record["target"] in right
        assert set(record["alternatives"]) == right - {record["target"], record["candidate"]}
        listed += len(record["alternatives"])
    assert listed > 100


def pairs(rng: np.random.Generator, count: int) -> list[list[Garment]]:
    return [sample_family(rng, 2) for _ in range(count)]


def test_an_edit_in_other_words_asks_for_the_same() -> None:
    rng = np.random.default_rng(22)
    families = [[Picture("one", one), Picture("two", two)] for one, two in pairs(rng, 60)]
    found = 0
    for question in chain.from_iterable(edit_questions(family, rng) for family in families):
        other = in_other_words(question, rng)
        if other is not None:
            assert (other.reference, other.target) == (question.reference, question.target)
            assert question.edit is not None
            # Said exactly, where the question may have been content with more.
            assert other.wish == question.edit.wish
            assert other.text != question.text
            found += 1
        new = in_new_words(question, rng)
        if new is not None:
            assert question.edit is not None
            assert len(question.edit.named) == 1
            assert new.wish == question.edit.wish
    assert found > 10


def test_training_tells_the_other_right_pictures_of_a_family() -> None:
    rng = np.random.default_rng(23)
    families = [
        [Picture(f"{n}-{m}", garment) for m, garment in enumerate(sample_family(rng))]
        for n in range(150)
    ]
    asked = training_questions(families, rng, edits=4, descriptions=2)
    listed = 0
    for question, record in zip(asked, family_records(families, asked), strict=True):
        family = families[int(question.target.name.split("-")[0])]
        wish = wish_vector(question.wish)
        right = {p.name for p in family if (wish & garment_vector(p.garment)).sum() == len(NAMES)}
        own = {question.target.name, question.reference.name}
        assert question.target.name in right
        assert set(record["alternatives"]) == right - own
        listed += len(record["alternatives"])
    assert listed > 50


def test_details_are_single_changes_of_print_pocket_or_hood() -> None:
    rng = np.random.default_rng(24)
    families = [[Picture("one", one), Picture("two", two)] for one, two in pairs(rng, 200)]
    asked = list(chain.from_iterable(edit_questions(family, rng) for family in families))
    details = [question.edit for question in asked if is_detail(question)]
    assert len(details) > 20
    for edit in details:
        assert edit is not None
        assert len(edit.named) == 1
        assert edit.named[0] in ("print", "pocket", "hood")


def test_the_same_plan_writes_the_same_and_another_replaces_it(
    folder: Path, tmp_path: Path
) -> None:
    again = write_data(tmp_path / "data", PLAN, workers=1, progress=False)
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    for file in files:
        assert (again / file).read_bytes() == (folder / file).read_bytes(), file
    marked = again / TRAINING / "captions" / "cap.drawn.val.json"
    before = marked.stat().st_mtime_ns
    write_data(again, PLAN, workers=1, progress=False)
    assert marked.stat().st_mtime_ns == before
    fewer = Plan(families=2, validation_pairs=1, held_out_pairs=12)
    write_data(again, fewer, workers=1, progress=False)
    assert len(list((again / TRAINING / "images").iterdir())) == 3 * 2 + 2


def test_a_missing_picture_is_drawn_again(tmp_path: Path) -> None:
    plan = Plan(families=1, validation_pairs=1, held_out_pairs=8)
    folder = write_data(tmp_path / "data", plan, workers=1, progress=False)
    lost = next((folder / TRAINING / "images").iterdir())
    lost.unlink()
    write_data(folder, plan, workers=1, progress=False)
    assert lost.is_file()


def test_a_folder_of_something_else_stays(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("dear")
    with pytest.raises(ForeignDirectoryError, match="not to be replaced"):
        write_data(tmp_path, PLAN, workers=1, progress=False)
