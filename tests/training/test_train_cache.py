"""Kept features: made once, read ever after, refused when stale, and next to no difference."""

import contextlib
import io
import pickle
import re
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sprc.checkpoint import load_model, save_checkpoint
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.pictures import Transform, read_pixels
from sprc.training.feature_cache import ARRAY, MANIFEST, KeptFeatures
from tests.training.small_run import CHECKPOINT, assert_same_weights, small_data, train, weights

# Features are of size 1 here, so rounding them changes them by up to 5e-4; a learning rate of 1e-3
# moves a weight by at most that much a step, in either direction, over 6 steps.
FURTHEST = 6 * 2 * 1e-3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def plain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("plain") / "run"
    assert train(data, output) == 0
    return output


@pytest.fixture(scope="module")
def cached(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("cached") / "run"
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert train(data, output, "--cache-features") == 0
    (output / "said.txt").write_text(said.getvalue())
    return output


def test_features_are_those_of_the_encoder_before_its_norm(data: Path, cached: Path) -> None:
    array = np.load(cached / "features" / ARRAY, mmap_mode="r")
    config = load_model(CHECKPOINT).config
    assert array.dtype == np.float16
    # Four training pictures of each category, and its whole gallery.
    assert array.shape == (2 * 4 + 2 * 13, config.vit.tokens, config.vit.width)
    model = load_model(CHECKPOINT)
    transform = Transform(config.vit.image_size)
    first = FashionIq.open(data).training().names[0]
    pixels = read_pixels(FashionIq.open(data).pictures.path(first), transform)
    with torch.inference_mode():
        expected = model.visual_encoder(pixels[None])[0]
    np.testing.assert_allclose(array[0], expected.numpy(), rtol=1e-3, atol=1e-4)


def test_weights_differ_by_rounding_alone(plain: Path, cached: Path) -> None:
    first, second, start = (
        weights(path) for path in (plain / "last.pt", cached / "last.pt", CHECKPOINT)
    )
    moved = sum(float((first[n].float() - start[n].float()).norm() ** 2) for n in first) ** 0.5
    apart = sum(float((first[n].float() - second[n].float()).norm() ** 2) for n in first) ** 0.5
    assert 0 < apart < 0.01 * moved
    for name, value in first.items():
        assert float((value.float() - second[name].float()).abs().max()) <= FURTHEST, name


def test_the_ratio_of_speeds_and_both_peaks_are_said(cached: Path) -> None:
    sentence = (
        r"([\d.]+) steps/s with kept features, ([\d.]+) steps/s computing them in each step: "
        r"([\d.]+) times as fast"
    )
    if sys.platform == "linux":
        sentence += r", with at most ([\d.]+) GB of memory against ([\d.]+) GB\n"
    said = re.search(sentence, (cached / "said.txt").read_text())
    assert said is not None
    kept, plain_rate, ratio, *peaks_gb = (float(figure) for figure in said.groups())
    assert ratio == pytest.approx(kept / plain_rate, abs=0.06)
    # A process that has imported torch holds more than this, and nothing here needs gigabytes.
    assert all(0.1 < peak < 4 for peak in peaks_gb)


def test_a_cache_serves_other_runs(data: Path, cached: Path, tmp_path: Path) -> None:
    folder = cached / "features"
    before = (folder / ARRAY).stat().st_mtime_ns
    assert train(data, tmp_path / "run", "--cache-features", str(folder)) == 0
    assert (folder / ARRAY).stat().st_mtime_ns == before
    assert_same_weights(tmp_path / "run" / "last.pt", cached / "last.pt")
    # What trained does not matter to it: only the encoder does.
    more = ["--cache-features", str(folder), "--model-path", str(cached / "best.pt")]
    assert train(data, tmp_path / "further", *more, "--num-epochs", "1") == 0
    assert (folder / ARRAY).stat().st_mtime_ns == before


def test_a_cache_that_was_not_finished_is_made_anew(
    data: Path, cached: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "features"
    folder.mkdir()
    (folder / ARRAY).write_bytes((cached / "features" / ARRAY).read_bytes()[:5000])
    assert train(data, tmp_path / "run", "--cache-features", str(folder)) == 0
    assert (folder / ARRAY).read_bytes() == (cached / "features" / ARRAY).read_bytes()


def test_a_stale_cache_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = small_data(tmp_path / "data")
    folder = tmp_path / "features"
    flags = ["--cache-features", str(folder), "--num-epochs", "1"]
    assert train(data, tmp_path / "first", *flags) == 0

    def refusal(*more: str) -> str:
        assert train(data, tmp_path / "second", *flags, *more) == 1
        return capsys.readouterr().err.splitlines()[-1]

    advice = f"remove {folder}, or name another folder with --cache-features DIR"
    made = f"sprc.train: the features in {folder} were made of"
    assert refusal("--target-ratio", "1.5") == f"{made} another transform: {advice}"
    assert refusal("--precision", "bf16") == f"{made} another precision: {advice}"

    model = load_model(CHECKPOINT)
    with torch.no_grad():
        model.visual_encoder.cls_token.add_(1e-3)
    save_checkpoint(model, tmp_path / "other.pt", epoch=0)
    other = refusal("--model-path", str(tmp_path / "other.pt"))
    assert other == f"{made} other image encoder weights: {advice}"

    picture = data / "images" / "Bhatval7.png"
    with Image.open(picture) as image:
        image.transpose(Image.Transpose.ROTATE_180).save(picture)
    assert refusal() == f"{made} other pictures: {advice}"
    picture.unlink()
    assert "Bhatval7 exists neither as .png nor as .jpg" in refusal()


def test_a_damaged_cache_is_refused(
    data: Path, cached: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "features"
    folder.mkdir()
    (folder / MANIFEST).write_bytes((cached / "features" / MANIFEST).read_bytes())
    (folder / ARRAY).write_bytes((cached / "features" / ARRAY).read_bytes()[:-1])
    assert train(data, tmp_path / "run", "--cache-features", str(folder)) == 1
    assert f"{folder / ARRAY} cannot be read" in capsys.readouterr().err
    (folder / MANIFEST).write_text("{")
    assert train(data, tmp_path / "run", "--cache-features", str(folder)) == 1
    assert f"{folder / MANIFEST} cannot be read" in capsys.readouterr().err


def test_a_worker_that_is_not_forked_maps_the_file_itself(cached: Path) -> None:
    path = cached / "features" / ARRAY
    kept = KeptFeatures(path, ["first"], torch.device("cpu"), torch.float32)
    sent = pickle.dumps(kept)
    assert len(sent) < 1000
    assert torch.equal(pickle.loads(sent).row("first"), kept.row("first"))


def test_no_room_for_the_cache_ends_in_a_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # 34 pictures of 257 tokens of 64 numbers take 1.1 MB.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        assert train(data, tmp_path / "run", "--cache-features") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = capsys.readouterr().err.splitlines()[-1]
    assert "the features of 34 pictures take 1 MB" in said
    assert said.endswith("(File too large): name another folder with --cache-features DIR")
    assert not list((tmp_path / "run" / "features").iterdir())
