"""A whole run of `sprc.train`: what it leaves, what it follows, and how it ends when it must."""

import csv
import hashlib
import json
import os
import resource
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from retrieval.preprocess.text import Tokenizer
from sprc.checkpoint import load_model, save_checkpoint
from sprc.evaluate import main as evaluate
from tests.training.small_run import (
    CHECKPOINT,
    STEPS,
    TRAINING_PAIRS,
    assert_same_weights,
    recorded_losses,
    small_data,
    train,
    weights,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("unbroken") / "run"
    assert train(data, output) == 0
    return output


def test_a_run_leaves_checkpoints_and_reports(data: Path, unbroken: Path) -> None:
    for name in ("best.pt", "last.pt"):
        line = (unbroken / f"{name}.sha256").read_text()
        assert line == f"{hashlib.sha256((unbroken / name).read_bytes()).hexdigest()}  {name}\n"
        assert load_model(unbroken / name).config == load_model(CHECKPOINT).config
    assert not list(unbroken.glob("*.partial")) + list(unbroken.glob(".*"))
    assert json.loads((unbroken / "recipe.json").read_text())["loss_rtc"] == 1.0
    Tokenizer.from_file(unbroken / "tokenizer.json", 32)

    training = list(csv.DictReader((unbroken / "train_metrics.csv").open()))
    assert [row["epoch"] for row in training] == ["0", "1"]
    assert list(training[0])[:4] == ["epoch", "loss_itc", "loss_rtc", "loss_align"]
    validation = list(csv.DictReader((unbroken / "validation_metrics.csv").open()))
    assert "coat_recall_at10" in validation[0]
    assert "average_recall" in validation[0]
    with Image.open(unbroken / "curves.png") as curves:
        curves.load()
        assert curves.width > 500

    losses = recorded_losses(unbroken)
    means = [sum(losses[i : i + STEPS]) / STEPS for i in (0, STEPS)]
    assert [float(row["loss_itc"]) for row in training] == pytest.approx(means, rel=1e-5)


def test_only_the_encoder_is_frozen(unbroken: Path) -> None:
    before, after = weights(CHECKPOINT), weights(unbroken / "last.pt")
    without_gradient = ("itm_head.", "Qformer.cls.predictions.", "position_ids")
    for name, value in before.items():
        same = torch.equal(value.float(), after[name].float())
        untouched = any(part in name for part in without_gradient) and "decoder.weight" not in name
        assert same == (name.startswith("visual_encoder.") or untouched), name
    assert not torch.equal(before["ln_vision.bias"], after["ln_vision.bias"])


def test_the_figures_of_the_best_are_those_of_evaluate(
    data: Path, unbroken: Path, tmp_path: Path
) -> None:
    output = tmp_path / "figures.json"
    flags = ["--dataset", "FashionIQ", "--data-path", str(data), "--num-workers", "0"]
    checkpoint = ["--model-path", str(unbroken / "best.pt"), "--output", str(output)]
    assert evaluate([*flags, *checkpoint]) == 0
    rows = list(csv.DictReader((unbroken / "validation_metrics.csv").open()))
    best = max(rows, key=lambda row: float(row["average_recall"]))
    text = output.read_text()
    figures = json.loads(text)
    found = figures if "average_recall" in figures else figures["metrics"]
    assert found["average_recall"] == float(best["average_recall"])


def train_until_terminated(data: Path, output: Path, first: str, *more: str) -> int:
    """The exit code of a run that gets SIGTERM as soon as a file is there."""

    def terminate() -> None:
        while not (output / first).exists():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)

    # Without the command's own handler the signal is ignored, and the run ends as 0.
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        threading.Thread(target=terminate, daemon=True).start()
        return train(data, output, *more)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_sigterm_keeps_the_state(
    data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    code = train_until_terminated(data, output, "train_metrics.csv")
    assert code == 128 + signal.SIGTERM
    assert "--resume goes on from there" in capsys.readouterr().err
    assert not (output / "last.pt").exists()
    assert train(data, output, "--resume") == 0
    assert_same_weights(output / "last.pt", unbroken / "last.pt")


def test_sigterm_at_an_epochs_last_step(data: Path, tmp_path: Path) -> None:
    # An epoch of one step: what is kept has trained all of it, and not validated.
    whole = ["--batch-size", str(TRAINING_PAIRS), "--num-epochs", "3"]
    code = train_until_terminated(data, tmp_path / "run", "best.pt", *whole)
    assert code == 128 + signal.SIGTERM
    assert train(data, tmp_path / "run", "--resume", *whole) == 0
    rows = list(csv.DictReader((tmp_path / "run" / "train_metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]


def test_workers_change_nothing(data: Path, unbroken: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path / "run", "--num-workers", "2") == 0
    assert_same_weights(tmp_path / "run" / "last.pt", unbroken / "last.pt")


def test_a_batch_of_one_trains(data: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path / "run", "--batch-size", "1", "--num-epochs", "1") == 0
    before, after = weights(CHECKPOINT), weights(tmp_path / "run" / "last.pt")
    assert not torch.equal(before["ln_vision.bias"], after["ln_vision.bias"])


def refused(capsys: pytest.CaptureFixture[str], data: Path, output: Path, *more: str) -> str:
    """The one sentence that a run ends with."""
    assert train(data, output, *more) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("sprc.train: ")
    assert not list(output.glob("*.pt")) or "--resume" in said + str(more)
    return said


def test_a_loss_that_is_not_finite_publishes_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(CHECKPOINT)
    with torch.no_grad():
        model.temp.fill_(0.0)
    save_checkpoint(model, tmp_path / "zero.pt", epoch=0)
    said = refused(capsys, data, tmp_path / "run", "--model-path", str(tmp_path / "zero.pt"))
    assert "a loss is not finite in epoch 1, step 1 (loss_itc nan, loss_rtc nan" in said


def test_a_full_disk_ends_in_a_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        said = refused(capsys, data, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert said.endswith("best.pt could not be written: File too large")
    assert not list(output.glob(".*"))


def test_what_cannot_be_trained_is_refused(
    data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.pt"
    cut.write_bytes(CHECKPOINT.read_bytes()[:100_000])
    new = tmp_path / "run"
    assert str(cut) in refused(capsys, data, new, "--model-path", str(cut))
    assert "do not fill one batch of 64" in refused(capsys, data, new, "--batch-size", "64")
    assert "does not exist" in refused(capsys, tmp_path / "nothing", new)
    assert "--learning-rate" in refused(capsys, data, new, "--learning-rate", "-1")
    assert "has another recipe: --seed was 912, is 5" in refused(
        capsys, data, unbroken, "--resume", "--seed", "5"
    )
    moved = ["--resume", "--cache-features", str(tmp_path / "features")]
    assert "features that are computed" in refused(capsys, data, unbroken, *moved)
    trained = ["--resume", "--model-path", str(unbroken / "best.pt")]
    assert "begun with other weights" in refused(capsys, data, unbroken, *trained)
    other = small_data(tmp_path / "other")
    captions = other / "captions" / "cap.hat.train.json"
    captions.write_text(captions.read_text().replace("redder", "bluer"))
    assert "other training pairs" in refused(capsys, other, unbroken, "--resume")
    assert "holds a run already: go on with it by --resume" in refused(capsys, data, unbroken)


def test_a_damaged_state_is_refused(
    data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (state,) = unbroken.glob("state-*.pt")
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / state.name).write_bytes(content)
    checksum = f"{state.name}.sha256"
    (tmp_path / checksum).write_bytes((unbroken / checksum).read_bytes())
    assert "its sha256 differs" in refused(capsys, data, tmp_path, "--resume")


def test_a_broken_picture_stops_the_run_or_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = small_data(tmp_path / "data")
    broken = data / "images" / "Bcoattrain1.png"
    broken.write_bytes(broken.read_bytes()[:60])
    assert "Bcoattrain1.png" in refused(capsys, data, tmp_path / "run")
    assert train(data, tmp_path / "other", "--skip-broken", "--num-epochs", "1") == 0
    assert "1 unreadable pictures were left out" in capsys.readouterr().out


def test_fixed_loss_weights_are_said_to_be_so(
    data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "run", "--loss-rtc", "0.1") == 0
    assert "--loss-rtc is ignored" in capsys.readouterr().out
    assert_same_weights(tmp_path / "run" / "last.pt", unbroken / "last.pt")
