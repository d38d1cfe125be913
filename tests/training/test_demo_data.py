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
from demo_data.questions import describe, edit_questions, in_other_words, judged_records
from demo_data.write import HELD_OUT, TRAINING, Plan, write_data
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import Protocol

PLAN = Plan(families=6, validation_pairs=3, held_out_pairs=12)
QUESTIONS = ("descriptions", "one-change", "other-words", "three-changes", "two-changes")


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
            assert (other.reference, other.target, other.wish) == (
                question.reference, question.target, question.wish,
            )  # fmt: skip
            assert other.text != question.text
            found += 1
    assert found > 10


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
