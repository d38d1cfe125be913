"""Categories that a recipe treats roughly: more pairs of them, more changes of their pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sprc.datasets.fashioniq import FashionIq
from sprc.training.augment import augment
from sprc.training.batches import Repeats, plan_epoch, steps_per_epoch
from sprc.training.feature_cache import ARRAY
from sprc.training.options import read_options
from sprc.training.views import one_view
from tests.training.small_run import assert_same_weights, small_data, train, weights

ROUGH = ["--rough-categories", "hat", "--rough-repeats", "3"]
TWICE = Repeats(frozenset({"hat", "unheard-of"}), 2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("grouped", [False, True])
def test_an_epoch_takes_their_pairs_several_times(data: Path, grouped: bool) -> None:
    training = FashionIq.open(data).training()
    plan = plan_epoch(training, seed=1, epoch=0, batch_size=3, grouped=grouped, repeats=TWICE)
    assert len(plan) == steps_per_epoch(training, 3, 1, TWICE) == 3
    taken = [training.queries[place].category for batch in plan for place in batch.pairs]
    assert taken.count("hat") == 6
    assert taken.count("coat") == 3
    if grouped:
        # Every round of a group is whole, so no batch has a pair twice.
        assert all(len(set(batch.pairs)) == 3 for batch in plan)


def test_which_pictures_are_of_them(data: Path) -> None:
    training = FashionIq.open(data).training()
    flags = training.pictures_of(("hat", "unheard-of"))
    assert flags == ["hat" in name for name in training.names]
    assert sum(flags) == 4


def test_their_pictures_are_changed_more() -> None:
    ramp = np.linspace(-1, 1, 32, dtype=np.float32)
    pixels = torch.from_numpy(np.broadcast_to(ramp[:, None], (400, 3, 32, 32)).copy())
    rough = torch.arange(400) < 200
    torch.manual_seed(4)
    changed = augment(pixels, rough)
    difference = (changed - pixels).abs().mean((1, 2, 3))
    assert difference[rough].mean() > 2 * difference[~rough].mean()
    assert bool(torch.isfinite(changed).all())
    # About half of the rough ones have a hole, which is of the mean color; no other picture has.
    holes = (changed == 0).flatten(1).any(1)
    assert 60 <= int(holes[rough].sum()) <= 140
    assert not bool(holes[~rough].any())


def test_flags_name_them_with_commas() -> None:
    given = ["--dataset", "FashionIQ", "--data-path", ".", "--rough-categories", "photos,others"]
    assert read_options(given).recipe.rough_categories == ("photos", "others")
    assert read_options(given[:4]).recipe.rough_categories == ()


def test_views_of_resting_pictures(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    flags = ["--cache-features", "--views", "3", *ROUGH]
    assert train(data, run, *flags) == 0
    array = np.load(run / "features" / ARRAY)
    assert array.shape[1] == 3
    plain, *others = array.swapaxes(0, 1)
    assert all(not np.array_equal(plain, view) for view in others)
    # The picture itself is the first view.
    assert train(data, tmp_path / "plain", "--cache-features") == 0
    np.testing.assert_array_equal(plain, np.load(tmp_path / "plain" / "features" / ARRAY))
    # Steps draw views by the seed: the same again, and other weights than of one view.
    assert train(data, tmp_path / "again", *flags) == 0
    assert_same_weights(run / "last.pt", tmp_path / "again" / "last.pt")
    one = weights(tmp_path / "plain" / "last.pt")
    assert any(
        not torch.equal(value, one[name]) for name, value in weights(run / "last.pt").items()
    )


def test_a_cache_of_other_views_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ["--cache-features", str(tmp_path / "features"), "--num-epochs", "1"]
    assert train(data, tmp_path / "first", *kept, "--views", "2") == 0
    for other in (
        ["--views", "3"],
        [],
        ["--views", "2", *ROUGH[:2]],
        ["--views", "2", "--seed", "9"],
    ):
        assert train(data, tmp_path / "second", *kept, *other) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert "were made of other views of pictures" in said, other
    assert train(data, tmp_path / "second", "--views", "2") == 1
    assert "give --cache-features" in capsys.readouterr().err.splitlines()[-1]


def test_a_step_takes_each_view_and_validation_the_first() -> None:
    rows = torch.arange(3.0).view(1, 3, 1, 1).expand(300, 3, 2, 2)
    torch.manual_seed(6)
    counts = torch.bincount(one_view(rows)[:, 0, 0].long(), minlength=3)
    assert bool((counts > 60).all())
    with torch.inference_mode():
        assert bool((one_view(rows) == 0).all())
    assert torch.equal(one_view(rows[:, 1]), rows[:, 1])
