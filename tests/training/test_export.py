"""The export: graphs equal PyTorch, bytes are repeatable, a mismatch publishes nothing."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from retrieval.bundle import GRAPHS, BundleError, load_bundle
from sprc import export as exporting
from sprc import onnx_graph
from sprc.export import ExportError, export
from sprc.served import served_graphs
from tests.training.tiny import tiny_model, tiny_tokenizer


@pytest.fixture(scope="module")
def half_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("half")
    export(tiny_model(), tiny_tokenizer(folder), folder / "bundle", "float16", name="tiny")
    return folder / "bundle"


@pytest.fixture(scope="module")
def float_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("float")
    export(tiny_model(), tiny_tokenizer(folder), folder / "bundle", "float32", name="tiny")
    return folder / "bundle"


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


def test_mismatch_publishes_nothing(
    half_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(exporting.TOLERANCE, "float32", -1.0)
    before = {path: path.read_bytes() for path in half_bundle.rglob("*") if path.is_file()}
    with pytest.raises(ExportError, match="image_encoder differs from PyTorch"):
        export(tiny_model(), tiny_tokenizer(tmp_path), half_bundle, "float32", name="tiny")
    after = {path: path.read_bytes() for path in half_bundle.rglob("*") if path.is_file()}
    assert after == before
    assert list(half_bundle.parent.glob(".*")) == []


def test_tokenizer_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    vocabulary = Path(__file__).parents[1] / "parity" / "vocab.txt"
    with pytest.raises(ExportError, match="the model knows"):
        export(tiny_model(), vocabulary, tmp_path / "bundle", "float32", name="tiny")
    assert not (tmp_path / "bundle").exists()


def test_command_line_reports_a_bad_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ckpt.pt"
    path.write_bytes(b"nonsense")
    assert exporting.main(["--model-path", str(path), "--output", str(tmp_path / "out")]) == 1
    assert "not a PyTorch checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
