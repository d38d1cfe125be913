"""CIRR through the same command, and what the command line says of itself."""

import csv
from pathlib import Path

import pytest

from sprc.schedule import build_optimizer, build_scheduler, cirr_schedule
from sprc.train import main
from sprc.training import options
from sprc.training.options import read_options
from sprc.training.recipe import Recipe
from tests.training.small_run import arguments, assert_same_weights, train, weights
from tests.training.synthetic import write_cirr
from tests.training.tiny import tiny_model

FLAGS = ("--dataset", "CIRR")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cirr")
    write_cirr(root)
    return root


def test_cirr_follows_its_recipe(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(data, output, *FLAGS) == 0
    validation = list(csv.DictReader((output / "validation_metrics.csv").open()))
    assert [row["epoch"] for row in validation] == ["0", "1"]
    recalls = [f"group_recall_at{k}" for k in (1, 2, 3)] + [f"recall_at{k}" for k in (1, 5, 10, 50)]
    means = ["mean(R@5+R_s@1)", "arithmetic_mean", "harmonic_mean", "geometric_mean"]
    assert list(validation[0]) == ["epoch", *recalls, *means]
    # Too short a run for epoch 19 keeps its last epoch.
    assert_same_weights(output / "best.pt", output / "last.pt")

    # The schedule is sized for 80 epochs though 2 are trained: 5 pairs are two batches of two.
    training = list(csv.DictReader((output / "train_metrics.csv").open()))
    optimizer = build_optimizer(tiny_model().parameters(), 1e-3)
    schedule = build_scheduler(optimizer, cirr_schedule(2), learning_rate=1e-3, steps_per_epoch=2)
    for row in training:
        for _ in range(2):
            optimizer.step()
            schedule.step()
        assert float(row["learning_rate"]) == pytest.approx(schedule.get_last_lr()[0])

    # The losses' weights are the user's to set here.
    assert train(data, tmp_path / "other", *FLAGS, "--loss-rtc", "0.8") == 0
    first, second = (weights(folder / "last.pt") for folder in (output, tmp_path / "other"))
    assert any(not first[name].equal(second[name]) for name in first)


def test_more_epochs_than_the_schedule_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "run", *FLAGS, "--num-epochs", "81") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "sprc.train: CIRR's schedule spans 80 epochs, 81 were asked for"


def test_help_explains_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for name in options.FLAGS:
        assert f"--{name.replace('_', '-')}" in said
        assert Recipe.model_fields[name].description


@pytest.mark.parametrize(
    ("dataset", "own", "ignored"),
    [
        ("FashionIQ", "--num-epochs 30 --learning-rate 2e-5", ("loss_rtc", "loss_align")),
        ("CIRR", "--num-epochs 50 --learning-rate 1e-5", ()),
    ],
)
def test_flags_of_the_published_readme_are_understood(
    dataset: str, own: str, ignored: tuple[str, ...]
) -> None:
    flags = "--blip-model-name blip2_cir_align_prompt --backbone pretrain --num-workers 4"
    flags += " --batch-size 128 --transform targetpad --target-ratio 1.25"
    flags += " --loss-rtc 0.4 --loss-align 0.4 --model-path CKPT"
    flags += " --save-training --save-best --validation-frequency 1"
    data = ["--data-path", "data"]
    given = read_options(["--dataset", dataset.lower(), *data, *own.split(), *flags.split()])
    plain = read_options(["--dataset", dataset, *data])
    assert given.recipe == plain.recipe
    assert given.dataset == dataset
    assert given.model_path == Path("CKPT")
    assert given.ignored == ignored
    assert plain.output == Path("runs") / dataset.lower()


def test_a_recipe_of_ones_own(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("num_epochs = 3\nepochs = 4\n")
    assert main(arguments(data, tmp_path / "run", "--recipe", str(recipe))) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("sprc.train: ")
    assert str(recipe) in said
