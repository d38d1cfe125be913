"""Pixels from files, loaders with workers, and what happens to bad pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from retrieval.preprocess.targetpad import CLIP_MEAN, CLIP_STD
from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.loading import PairBatches, PictureDataset
from sprc.datasets.pictures import FolderPictures, PictureError, Transform, read_pixels
from sprc.datasets.records import DataError, EvaluationSet, Protocol, pair
from sprc.datasets.screening import screen_evaluation, screen_training
from tests.training.synthetic import write_cirr, write_fashioniq

PARITY = Path(__file__).parents[1] / "parity"
SMALL = Transform(28)


@pytest.fixture
def data(tmp_path: Path) -> FashionIq:
    write_fashioniq(tmp_path)
    return FashionIq.open(tmp_path)


def dress(data: FashionIq) -> EvaluationSet:
    return data.evaluation(Protocol.ORIGINAL_SPLIT)[0]


def failure(loader: DataLoader[torch.Tensor]) -> str:
    """The message that a loader fails with."""
    try:
        list(loader)
    except PictureError as error:
        return str(error)
    return ""


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[60:200] = bytes(140)
    path.write_bytes(bytes(content))


def fill_with_text(path: Path) -> None:
    path.write_text("<html>404 not found</html>" * 30)


def test_targetpad_equals_the_published_transform_for_every_mode() -> None:
    files = FolderPictures(PARITY / "images")
    names = [f"img_{i:02}" for i in range(12)]
    pixels = torch.stack(
        [*DataLoader(PictureDataset(names, files, Transform(224)), batch_size=None)]
    )
    assert np.array_equal(pixels.numpy(), np.load(PARITY / "transform_targetpad.npz")["images"])


def test_squarepad_equals_the_published_transform_for_every_mode() -> None:
    transform = Transform.named("squarepad", 224)
    expected = np.load(PARITY / "transform_squarepad_u8.npz")["images"]
    mean, std = (np.array(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    for i, recorded in enumerate(expected):
        pixels = read_pixels(PARITY / "images" / f"img_{i:02}.png", transform).numpy()
        assert np.array_equal(np.rint((pixels * std + mean) * 255).astype(np.uint8), recorded)
    with pytest.raises(ValueError, match="centercrop"):
        Transform.named("centercrop", 224)


@pytest.mark.parametrize("workers", [0, 2])
def test_pairs_load_in_whole_batches_with_any_number_of_workers(
    data: FashionIq, workers: int
) -> None:
    training = data.training()
    rows = PictureDataset(training.names, training.pictures, SMALL)
    plan = [range(5), range(5, 10), range(10, 12)]
    loader = DataLoader(PairBatches(training, rows, plan), batch_size=None, num_workers=workers)
    batches = list(loader)
    assert [len(batch.references) for batch in batches] == [5, 5, 2]
    for pairs, batch in zip(plan, batches, strict=True):
        names = [training.names[place] for place in batch.names]
        used = {name for place in pairs for name in pair(training.queries[place])}
        assert len(names) == len(used)
        assert set(names) == used
        assert batch.pictures.shape == (len(names), 3, 28, 28)
        assert batch.pictures.dtype == torch.float32
        for row, place in enumerate(pairs):
            query = training.queries[place]
            for position, name in zip(
                (batch.references[row], batch.targets[row]), pair(query), strict=True
            ):
                assert names[position] == name
                expected = read_pixels(training.pictures.path(name), SMALL)
                assert torch.equal(batch.pictures[position], expected)


# One case with a worker: torch takes five seconds to clear away a worker that failed.
@pytest.mark.parametrize(
    ("spoil", "workers"),
    [(truncate, 0), (truncate, 1), (empty, 0), (corrupt, 0), (fill_with_text, 0), (Path.unlink, 0)],
)
def test_a_bad_picture_stops_a_loader_with_its_name(
    data: FashionIq, spoil: Callable[[Path], None], workers: int
) -> None:
    evaluation = dress(data)
    name = evaluation.gallery[3]
    spoil(evaluation.pictures.path(name))
    pictures = PictureDataset(evaluation.gallery, evaluation.pictures, SMALL)
    message = failure(DataLoader(pictures, batch_size=4, num_workers=workers))
    assert name in message
    assert "\n" not in message


def test_without_the_flag_the_first_missing_picture_is_named(data: FashionIq) -> None:
    evaluation = dress(data)
    for name in evaluation.gallery[2:5]:
        evaluation.pictures.path(name).unlink()
    with pytest.raises(PictureError, match=r"dressval2 exists neither.*and 2 more pictures"):
        screen_evaluation(evaluation, SMALL, skip_broken=False)
    training = data.training()
    training.pictures.path("Bdresstrain0").unlink()
    with pytest.raises(PictureError, match=r"train0 exists neither as \.png nor as \.jpg$"):
        screen_training(training, SMALL, skip_broken=False)


def test_nothing_is_left_out_of_a_sound_set(data: FashionIq) -> None:
    evaluation = dress(data)
    for skip_broken in (False, True):
        kept, left_out = screen_evaluation(evaluation, SMALL, skip_broken=skip_broken)
        assert kept == evaluation
        assert (left_out.queries, left_out.gallery, len(left_out.problems)) == (0, 0, 0)
        assert left_out.sentence() == "no picture was left out"


def test_with_the_flag_bad_pictures_leave_gallery_and_queries_and_are_counted(
    data: FashionIq,
) -> None:
    evaluation = dress(data)
    # The reference of query 0, the target of query 3, and a picture of no query.
    spoilt = [evaluation.gallery[0], evaluation.gallery[4], evaluation.gallery[7]]
    truncate(evaluation.pictures.path(spoilt[0]))
    evaluation.pictures.path(spoilt[1]).unlink()
    fill_with_text(evaluation.pictures.path(spoilt[2]))
    kept, left_out = screen_evaluation(evaluation, SMALL, skip_broken=True)
    assert [query.id for query in kept.queries] == ["dress-1", "dress-2"]
    assert kept.gallery == tuple(name for name in evaluation.gallery if name not in spoilt)
    assert (left_out.queries, left_out.gallery) == (2, 3)
    assert sorted(left_out.problems) == sorted(spoilt)
    assert all(name in reason for name, reason in left_out.problems.items())
    assert left_out.sentence() == (
        "3 unreadable pictures were left out: 3 from the gallery, with 2 queries that need one"
    )
    assert failure(DataLoader(PictureDataset(kept.gallery, kept.pictures, SMALL))) == ""


def test_with_the_flag_bad_pairs_leave_training(data: FashionIq) -> None:
    training = data.training()
    truncate(training.pictures.path("Bshirttrain1"))
    kept, left_out = screen_training(training, SMALL, skip_broken=True)
    assert len(kept.queries) == len(training.queries) - 2
    assert left_out.queries == 2
    assert "Bshirttrain1" not in kept.names
    assert list(left_out.problems) == ["Bshirttrain1"]


def test_a_cirr_query_goes_when_its_subset_is_incomplete(tmp_path: Path) -> None:
    write_cirr(tmp_path)
    evaluation = Cirr.open(tmp_path).evaluation()
    query = evaluation.queries[0]
    other = next(m for m in query.members if m not in (query.reference, query.target))
    evaluation.pictures.path(other).unlink()
    kept, left_out = screen_evaluation(evaluation, SMALL, skip_broken=True)
    assert query not in kept.queries
    assert left_out.queries == sum(other in q.members for q in evaluation.queries)


def test_a_set_of_bad_pictures_alone_is_refused(data: FashionIq) -> None:
    evaluation = dress(data)
    for name in evaluation.gallery:
        truncate(evaluation.pictures.path(name))
    with pytest.raises(DataError, match="no query of the evaluation set dress is left"):
        screen_evaluation(evaluation, SMALL, skip_broken=True)
