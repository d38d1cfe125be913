"""Copying bundles into a model repository: whole, repeatable, and never half."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from publisher.__main__ import main
from publisher.repository import PublishError, copy_bundle
from retrieval.bundle import GRAPHS, BundleError, load_bundle
from tests.support.tiny_bundle import write_tiny_bundle

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bundle_dir(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundle")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "models"


def files(folder: Path) -> dict[str, bytes]:
    """Contents of all files below a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def visible(repository: Path) -> set[str]:
    return {path.name for path in repository.iterdir() if path.is_dir()}


def test_models_are_named_after_the_digest_and_equal_the_bundles(
    bundle_dir: Path, repository: Path
) -> None:
    published = copy_bundle(bundle_dir, repository)
    digest = load_bundle(bundle_dir).digest
    assert published.models == tuple(f"{graph}_{digest[:12]}" for graph in GRAPHS)
    assert published.changed == set(published.models)
    assert visible(repository) == set(published.models)
    for graph, name in zip(GRAPHS, published.models, strict=True):
        assert files(repository / name) == files(bundle_dir / graph)


def test_publishing_again_touches_nothing(bundle_dir: Path, repository: Path) -> None:
    first = copy_bundle(bundle_dir, repository)
    before = {path: path.stat().st_ino for path in repository.rglob("*")}
    again = copy_bundle(bundle_dir, repository)
    assert again.models == first.models
    assert again.changed == set()
    assert {path: path.stat().st_ino for path in repository.rglob("*")} == before


def test_another_configuration_of_the_same_graphs_takes_its_place(
    bundle_dir: Path, repository: Path
) -> None:
    first = copy_bundle(bundle_dir, repository)
    config = bundle_dir / "text_encoder" / "config.pbtxt"
    config.write_text(config.read_text().replace("max_batch_size: 8", "max_batch_size: 4"))
    second = copy_bundle(bundle_dir, repository)
    assert second.models == first.models
    assert second.changed == {second.models[GRAPHS.index("text_encoder")]}
    assert "max_batch_size: 4" in (repository / first.models[2] / "config.pbtxt").read_text()
    assert visible(repository) == set(first.models)


def test_a_damaged_copy_is_mended(bundle_dir: Path, repository: Path) -> None:
    name = copy_bundle(bundle_dir, repository).models[0]
    (repository / name / "1" / "model.onnx").write_bytes(b"cut")
    (repository / name / "1" / "stray.bin").write_bytes(b"stray")
    assert copy_bundle(bundle_dir, repository).changed == {name}
    assert files(repository / name) == files(bundle_dir / GRAPHS[0])


def test_weights_beside_a_graph_are_copied_too(bundle_dir: Path, repository: Path) -> None:
    version = bundle_dir / "image_encoder" / "1"
    (version / "model.onnx.data").write_bytes(b"weights")
    with pytest.raises(BundleError):  # they are part of the digest, which does not know them
        copy_bundle(bundle_dir, repository)


def test_two_bundles_lie_side_by_side(bundle_dir: Path, repository: Path, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=1)
    names = {*copy_bundle(bundle_dir, repository).models, *copy_bundle(other, repository).models}
    assert len(names) == 6
    assert visible(repository) == names


def test_a_bundle_that_was_tampered_with_is_refused(bundle_dir: Path, repository: Path) -> None:
    with (bundle_dir / "fusion_encoder" / "1" / "model.onnx").open("ab") as graph:
        graph.write(b"\0")
    with pytest.raises(BundleError, match=r"bundle\.json says"):
        copy_bundle(bundle_dir, repository)
    assert not repository.exists()


def test_a_graph_without_configuration_is_refused(bundle_dir: Path, repository: Path) -> None:
    (bundle_dir / "text_encoder" / "config.pbtxt").unlink()
    with pytest.raises(PublishError, match=r"no config\.pbtxt"):
        copy_bundle(bundle_dir, repository)
    assert not repository.exists()


def test_publishers_at_the_same_time_do_not_meet(bundle_dir: Path, repository: Path) -> None:
    changed: list[str] = []
    threads = [
        threading.Thread(target=lambda: changed.extend(copy_bundle(bundle_dir, repository).changed))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(changed) == sorted(visible(repository))  # each model was copied once


def test_a_killed_publisher_leaves_no_half_model(tmp_path: Path, repository: Path) -> None:
    bundle_dir = write_tiny_bundle(tmp_path / "bundle", padding_bytes=24 * 1024 * 1024)
    sources = {graph: files(bundle_dir / graph) for graph in GRAPHS}
    command = [sys.executable, "-m", "publisher", str(bundle_dir), f"--repository={repository}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services")}
    interrupted = 0
    for _ in range(6):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not list(repository.glob(".publish-*")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        interrupted += process.wait() == -signal.SIGKILL
        for model in repository.iterdir():
            if model.is_dir() and not model.name.startswith(".publish-"):
                assert files(model) == sources[model.name.rpartition("_")[0]]
        shutil.rmtree(next(repository.glob("image_encoder_*"), tmp_path / "none"), True)
    assert interrupted
    names = copy_bundle(bundle_dir, repository).models
    assert visible(repository) == set(names)  # and what was left aside is gone


def test_the_command_says_what_it_did(
    bundle_dir: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = load_bundle(bundle_dir).short_digest
    command = [str(bundle_dir), "--repository", str(repository)]
    assert main(command) == 0
    assert capsys.readouterr().out == f"Published tiny {short}: 3 models copied.\n"
    assert main(command) == 0
    assert capsys.readouterr().out == f"Published tiny {short}: 3 models were there already.\n"


def test_the_command_fails_with_one_sentence(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nothing"), "--repository", str(repository)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"Not published: {tmp_path / 'nothing'} holds no bundle.json.\n"
