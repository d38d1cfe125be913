"""The export: graphs equal PyTorch, bytes are repeatable, a mismatch publishes nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from retrieval.bundle import GRAPHS, BundleError, load_bundle
from sprc import export as exporting
from sprc import onnx_graph
from sprc.checkpoint import load_model, read_trained_at, save_checkpoint
from sprc.export import ExportError, export
from sprc.served import Graph, served_graphs
from sprc.words import WordsError
from tests.training.conftest import Exported
from tests.training.tiny import tiny_model, tiny_tokenizer


@pytest.fixture
def half_bundle(tiny_half: Exported) -> Path:
    return tiny_half.bundle


@pytest.fixture
def float_bundle(tiny_float: Exported) -> Path:
    return tiny_float.bundle


@pytest.mark.parametrize("batch", [1, 5])
def test_float32_graphs_equal_pytorch_at_any_batch(float_bundle: Path, batch: int) -> None:
    for graph in served_graphs(tiny_model(), torch.float32, batch=batch):
        session = onnxruntime.InferenceSession(float_bundle / graph.name / "1" / "model.onnx")
        actual = session.run(graph.outputs, {k: v.numpy() for k, v in graph.inputs.items()})
        with torch.inference_mode():
            expected = graph.module(*graph.inputs.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        for ours, theirs in zip(actual, expected, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-6)


def test_float16_bundle_stores_half_and_stays_near(half_bundle: Path, float_bundle: Path) -> None:
    for graph in served_graphs(tiny_model(), torch.float16):
        path = half_bundle / graph.name / "1" / "model.onnx"
        assert path.stat().st_size < (float_bundle / graph.name / "1/model.onnx").stat().st_size
        session = onnxruntime.InferenceSession(path)
        actual = session.run(graph.outputs, {k: v.numpy() for k, v in graph.inputs.items()})
        with torch.inference_mode():
            expected = graph.module(*graph.inputs.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        for output, ours, theirs in zip(graph.outputs, actual, expected, strict=True):
            assert (ours.dtype == np.float16) == (output == "image_embeds")
            np.testing.assert_allclose(ours, theirs.numpy(), atol=0.02)


def test_bundle_verifies_and_a_changed_byte_does_not(half_bundle: Path) -> None:
    bundle = load_bundle(half_bundle, verify=True)
    assert bundle.sizes.model_dump() == {
        "image_size": 32,
        "patches": 17,
        "vision_width": 32,
        "query_tokens": 4,
        "embed_dim": 16,
        "text_length": 12,
    }
    assert set(bundle.export["max_abs_difference"]) == set(GRAPHS)
    graph = half_bundle / "text_encoder" / "1" / "model.onnx"
    content = graph.read_bytes()
    try:
        graph.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(BundleError):
            load_bundle(half_bundle, verify=True)
    finally:
        graph.write_bytes(content)


def test_equal_weights_give_equal_bytes(half_bundle: Path, tmp_path: Path) -> None:
    model = tiny_model()
    exporting._round_to_half(model)
    _, _, graph = served_graphs(model, torch.float16)
    again = onnx_graph.tidy(exporting._to_onnx(graph), half=True)
    onnx_graph.write(again, tmp_path / "model.onnx")
    first = half_bundle / graph.name / "1" / "model.onnx"
    assert (tmp_path / "model.onnx").read_bytes() == first.read_bytes()


def test_graphs_hold_no_trace_of_the_machine(half_bundle: Path) -> None:
    root = str(Path(exporting.__file__).parents[2]).encode()
    for name in GRAPHS:
        path = half_bundle / name / "1" / "model.onnx"
        assert root not in path.read_bytes()
        model = onnx.load(path)
        assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(
    ("amount", "said"), [(0.1, "differs from PyTorch"), (np.nan, "is not finite in onnxruntime")]
)
def test_a_graph_with_wrong_numbers_publishes_nothing(
    half_bundle: Path,
    tiny_float: Exported,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    amount: float,
    said: str,
) -> None:
    def to_onnx(graph: Graph) -> onnx_graph.OnnxGraph:
        exported = tiny_float.again(graph)
        if graph.name == name:
            for key, weight in exported.weights.items():
                if weight.dtype == np.float32:
                    spoiled = weight.values + np.float32(amount)
                    exported.weights[key] = replace(weight, values=spoiled)
        return exported

    monkeypatch.setattr(exporting, "_to_onnx", to_onnx)
    before = files(half_bundle)
    with pytest.raises(ExportError, match=f"^{name}.* {said}"):
        export(tiny_model(), tiny_tokenizer(tmp_path), half_bundle, "float32", name="tiny")
    assert files(half_bundle) == before
    assert list(half_bundle.parent.glob(".*")) == []


def test_a_model_with_nan_publishes_nothing(
    tiny_float: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch alone is wrong here, and the graph is right."""
    monkeypatch.setattr(exporting, "_to_onnx", tiny_float.again)
    model = tiny_model()
    with torch.no_grad():
        model.vision_proj.bias[0] = np.nan
    with pytest.raises(ExportError, match="image_encoder: image_tokens is not finite in PyTorch"):
        export(model, tiny_tokenizer(tmp_path), tmp_path / "bundle", "float32", name="tiny")
    assert not (tmp_path / "bundle").exists()


def test_tokenizer_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    vocabulary = Path(__file__).parents[1] / "parity" / "vocab.txt"
    with pytest.raises(WordsError, match="the model knows"):
        export(tiny_model(), vocabulary, tmp_path / "bundle", "float32", name="tiny")
    assert not (tmp_path / "bundle").exists()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    save_checkpoint(tiny_model(), tmp_path / "model" / "ckpt.pt", epoch=1)
    tiny_tokenizer(tmp_path / "model")
    return tmp_path / "model" / "ckpt.pt"


def refused(capsys: pytest.CaptureFixture[str], checkpoint: Path, output: Path, *more: str) -> str:
    """The one sentence that an export ends with."""
    given = ["--model-path", str(checkpoint), "--output", str(output), *more]
    assert exporting.main(given) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("sprc.export: ")
    assert not list(output.parent.glob(".*.partial"))
    return said


def test_what_cannot_be_read_ends_in_a_sentence(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"nonsense")
    assert "not a PyTorch checkpoint" in refused(capsys, nonsense, output)
    missing = str(tmp_path / "missing.json")
    assert f"{missing} does not exist" in refused(
        capsys, checkpoint, output, "--tokenizer", missing
    )
    broken = str(nonsense)
    assert "is not a tokenizer" in refused(capsys, checkpoint, output, "--tokenizer", broken)
    (checkpoint.parent / "tokenizer.json").unlink()
    assert "lies beside" in refused(capsys, checkpoint, output)
    assert not output.exists()


def test_where_nothing_can_be_written_ends_in_a_sentence(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert f"{file} is not a folder" in refused(capsys, checkpoint, file)
    assert "cannot be written: Not a directory" in refused(capsys, checkpoint, file / "out")
    assert file.read_text() == "not a folder"


def test_a_folder_that_takes_nothing_ends_in_a_sentence(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Not one without permission, which root may write to all the same.
    assert "cannot be written: " in refused(capsys, checkpoint, Path("/proc/self/fdinfo/out"))


def test_no_older_model_takes_the_place_of_a_newer_one_unless_it_is_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, paths = tmp_path / "bundle", {}
    for seed, year in enumerate((2025, 2026)):
        paths[year] = tmp_path / str(year) / "ckpt.pt"
        at = datetime(year, 10, 1, 12, tzinfo=UTC)
        save_checkpoint(tiny_model(seed=seed), paths[year], epoch=1, trained_at=at)
        tiny_tokenizer(tmp_path / str(year))
    flags = ["--output", str(output), "--with-checkpoint"]
    assert exporting.main(["--model-path", str(paths[2026]), *flags]) == 0
    newer = load_bundle(output, verify=True)
    assert newer.trained_at == datetime(2026, 10, 1, 12, tzinfo=UTC)
    assert read_trained_at(output / "checkpoint.pt") == newer.trained_at
    capsys.readouterr()
    said = refused(capsys, paths[2025], output)
    assert "was trained on 2025-10-01 at 12:00:00 UTC, before recompose" in said
    assert load_bundle(output, verify=True) == newer
    assert exporting.main(["--model-path", str(paths[2025]), *flags, "--allow-older"]) == 0
    assert load_bundle(output, verify=True).digest != newer.digest


@torch.inference_mode()
def test_the_checkpoint_beside_a_bundle_holds_just_what_is_served(
    tiny_half: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_to_onnx", tiny_half.again)
    save_checkpoint(tiny_model(), tmp_path / "ckpt.pt", epoch=3)
    tiny_tokenizer(tmp_path)
    (tmp_path / "figures.json").write_text(
        json.dumps({"protocols": {"any-right": {"sets": {}, "figures": {"composed": {"r": 50.0}}}}})
    )
    flags = ["--model-path", str(tmp_path / "ckpt.pt"), "--output", str(tmp_path / "bundle")]
    flags += ["--precision", "float16", "--with-checkpoint"]
    assert exporting.main([*flags, "--metrics", str(tmp_path / "figures.json")]) == 0
    bundle = load_bundle(tmp_path / "bundle", verify=True)
    assert bundle.metrics == {"any-right": {"composed": {"r": 50.0}}}
    model = load_model(tmp_path / "bundle" / "checkpoint.pt")
    for graph in served_graphs(model, torch.float16):
        session = onnxruntime.InferenceSession(tmp_path / "bundle" / graph.name / "1/model.onnx")
        actual = session.run(graph.outputs, {k: v.numpy() for k, v in graph.inputs.items()})
        expected = graph.module(*graph.inputs.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        for output, ours, theirs in zip(graph.outputs, actual, expected, strict=True):
            atol = 5e-3 if output == "image_embeds" else 2e-6
            np.testing.assert_allclose(ours, theirs.numpy(), atol=atol)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"protocols": {"cirr": 3}}'])
def test_figures_that_are_none_stop_the_export(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tiny_model(), tmp_path / "ckpt.pt", epoch=3)
    tiny_tokenizer(tmp_path)
    if content is not None:
        (tmp_path / "figures.json").write_text(content)
    flags = ["--model-path", str(tmp_path / "ckpt.pt"), "--output", str(tmp_path / "bundle")]
    assert exporting.main([*flags, "--metrics", str(tmp_path / "figures.json")]) == 1
    assert str(tmp_path / "figures.json") in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
