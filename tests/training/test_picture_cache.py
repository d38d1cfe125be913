"""Pictures decoded once: the same numbers, no file read twice, whoever decodes it."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.loading import PictureDataset
from sprc.datasets.pictures import PictureError, Transform
from sprc.training.picture_cache import DecodedPictures
from tests.training.small_run import assert_same_weights, small_data, train

SMALL = Transform(24)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return small_data(tmp_path / "data")


@pytest.mark.parametrize("workers", [0, 2])
def test_they_are_those_of_the_files_and_read_once(data: Path, workers: int) -> None:
    training = FashionIq.open(data).training()
    expected = list(PictureDataset(training.names, training.pictures, SMALL))  # type: ignore[call-overload]
    kept = DecodedPictures(training.names, training.pictures, SMALL)
    loader = DataLoader(kept, batch_size=None, num_workers=workers)
    assert all(map(torch.equal, loader, expected))
    for name in training.names:
        training.pictures.path(name).unlink()
    assert all(map(torch.equal, loader, expected))
    assert len(kept) == len(expected)


def test_a_picture_that_is_missing_is_named(data: Path) -> None:
    training = FashionIq.open(data).training()
    kept = DecodedPictures(training.names, training.pictures, SMALL)
    training.pictures.path(training.names[2]).unlink()
    with pytest.raises(PictureError, match=training.names[2]):
        kept[2]


def test_weights_do_not_depend_on_it(data: Path, tmp_path: Path) -> None:
    flags = ["--train-encoder", "--num-epochs", "2", "--num-workers", "1"]
    assert train(data, tmp_path / "read", *flags) == 0
    assert train(data, tmp_path / "kept", *flags, "--keep-pictures") == 0
    assert_same_weights(tmp_path / "read" / "last.pt", tmp_path / "kept" / "last.pt")
