"""The ratio that pictures are padded to goes from training to evaluation, export and serving."""

import csv
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.bundle import compute_digest, load_bundle
from sprc import evaluate, export, query, submit
from sprc.checkpoint import CheckpointError, read_target_ratio, save_checkpoint
from sprc.datasets.pictures import Transform
from sprc.evaluation.backends import ModelOptions, open_backend
from sprc.evaluation.options import model_options
from tests.training.conftest import Exported
from tests.training.parity import PARITY, TINY_A
from tests.training.small_run import small_data, train
from tests.training.tiny import tiny_model, tiny_tokenizer

ONE_EPOCH = ("--num-epochs", "1")
PLACES = {
    evaluate: ["--dataset", "FashionIQ", "--data-path", "data", "--output", "x.json"],
    submit: ["--data-path", "data", "--output", "out"],
    query: ["--gallery", "pictures"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trained") / "run"
    assert train(data, output, *ONE_EPOCH, "--target-ratio", "1.5") == 0
    return output / "best.pt"


def checkpoint(folder: Path, ratio: float) -> Path:
    """A checkpoint that says it was trained with a ratio."""
    tiny_tokenizer(folder)
    save_checkpoint(tiny_model(), folder / "ckpt.pt", epoch=1, target_ratio=ratio)
    return folder / "ckpt.pt"


def test_training_writes_its_ratio_beside_the_weights(trained: Path) -> None:
    assert json.loads(trained.with_name("config.json").read_text())["target_ratio"] == 1.5


def test_a_bundle_has_the_ratio_beside_its_weights(
    tiny_float: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_to_onnx", tiny_float.again)
    given = ["--model-path", str(checkpoint(tmp_path, 1.5)), "--output", str(tmp_path / "bundle")]
    assert export.main(given) == 0
    bundle = load_bundle(tmp_path / "bundle", verify=True)
    assert bundle.preprocess.target_ratio == 1.5
    assert open_backend(tmp_path / "bundle", ModelOptions()).transform.ratio == 1.5
    # Another ratio is another embedding space.
    published = bundle.preprocess.model_copy(update={"target_ratio": 1.25})
    other = compute_digest(tmp_path / "bundle", bundle.sizes, published, bundle.text)
    assert other != bundle.digest


def test_evaluation_has_the_figures_of_training(
    data: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = set()
    transformed = Transform.square

    def noting(transform: Transform, image: Image.Image) -> NDArray[np.uint8]:
        used.add(transform.ratio)
        return transformed(transform, image)

    monkeypatch.setattr(Transform, "square", noting)
    output = tmp_path / "figures.json"
    given = ["--dataset", "FashionIQ", "--data-path", str(data), "--model-path", str(trained)]
    assert evaluate.main([*given, "--output", str(output), "--num-workers", "0"]) == 0
    assert used == {1.5}
    (row,) = csv.DictReader(trained.with_name("validation_metrics.csv").open())
    assert json.loads(output.read_text())["average_recall"] == float(row["average_recall"])


def test_squarepad_is_kept_as_ratio_1(data: Path, tmp_path: Path) -> None:
    given = ("--transform", "squarepad", "--target-ratio", "1.5")
    assert train(data, tmp_path / "run", *ONE_EPOCH, *given) == 0
    assert read_target_ratio(tmp_path / "run" / "last.pt") == 1


@pytest.mark.parametrize("command", PLACES, ids=lambda command: command.__name__)
@pytest.mark.parametrize(
    ("trained_with", "flags", "used"),
    [
        (1.5, [], 1.5),
        (1.0, [], 1.0),
        (1.5, ["--transform", "targetpad"], 1.5),
        (1.5, ["--transform", "squarepad"], 1.0),
        (1.5, ["--target-ratio", "1.25"], 1.25),
        (1.0, ["--target-ratio", "1.4"], 1.4),
        (1.0, ["--transform", "targetpad"], 1.25),
        (1.5, ["--target-ratio", "1"], 1.0),
    ],
)
def test_a_flag_overrides_what_was_trained_with(
    tmp_path: Path, command: ModuleType, trained_with: float, flags: list[str], used: float
) -> None:
    path = checkpoint(tmp_path, trained_with)
    given = [*PLACES[command], "--model-path", str(path), "--device", "cpu", *flags]
    options = command.build_parser().parse_args(given)
    backend = open_backend(path, model_options(options))
    assert backend.transform == Transform(32, used)


@pytest.mark.parametrize("ratio", ["0", "0.9", "-1.25", "nan", "inf", "wide"])
def test_a_ratio_below_1_is_no_ratio(ratio: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [*PLACES[query], "--model-path", "x", f"--target-ratio={ratio}"]
    with pytest.raises(SystemExit, match="2"):
        query.build_parser().parse_args(given)
    assert f"argument --target-ratio: {ratio!r} is not a ratio" in capsys.readouterr().err


def test_a_checkpoint_that_says_nothing_has_the_published_ratio(tmp_path: Path) -> None:
    assert read_target_ratio(tmp_path / "sprc_cirr.pt") == 1.25
    assert read_target_ratio(TINY_A / "ckpt.pt") == 1.25
    vocabulary = ModelOptions(tokenizer=PARITY / "vocab.txt", device="cpu")
    assert open_backend(TINY_A / "ckpt.pt", vocabulary).transform.ratio == 1.25


@pytest.mark.parametrize("ratio", ["0.5", "null", '"wide"', "1e999"])
def test_a_ratio_that_is_none_is_refused(tmp_path: Path, ratio: str) -> None:
    path = checkpoint(tmp_path, 1.25)
    path.with_name("config.json").write_text(f'{{"target_ratio": {ratio}}}')
    with pytest.raises(CheckpointError, match=r"config\.json: target_ratio: input should be"):
        read_target_ratio(path)
