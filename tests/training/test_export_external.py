"""Graphs above protobuf's 2 GB: their weights lie in a file beside."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import pytest
import torch

from retrieval.bundle import BundleError, load_bundle
from sprc import onnx_graph
from sprc.config import ModelConfig
from sprc.export import export
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.served import served_graphs
from tests.training.tiny import tiny_config, tiny_tokenizer


def clip_model() -> Blip2QformerCirAlignPrompt:
    """Tiny, with CLIP's backbone."""
    config = tiny_config()
    vit = replace(config.vit, patch_size=8, stem=(), family="clip")
    model = Blip2QformerCirAlignPrompt(
        ModelConfig(vit, config.qformer, config.embed_dim, config.text_length)
    )
    initialise(model, 5)
    return model.eval()


def test_large_graphs_answer_from_weights_in_a_file_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graph, "LARGEST_SINGLE_FILE_BYTES", 20_000)
    model = clip_model()
    export(model, tiny_tokenizer(tmp_path), tmp_path / "bundle", "float16", name="large")
    load_bundle(tmp_path / "bundle", verify=True)
    for graph in served_graphs(model, torch.float16, batch=5):
        folder = tmp_path / "bundle" / graph.name / "1"
        assert {path.name for path in folder.iterdir()} == {"model.onnx", "model.weights"}
        session = onnxruntime.InferenceSession(folder / "model.onnx")
        actual = session.run(graph.outputs, {k: v.numpy() for k, v in graph.inputs.items()})
        with torch.inference_mode():
            expected = graph.module(*graph.inputs.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        for output, ours, theirs in zip(graph.outputs, actual, expected, strict=True):
            near = 5e-3 if output == "image_embeds" else 2e-6
            np.testing.assert_allclose(ours, theirs.numpy(), atol=near)
    weights = tmp_path / "bundle" / "image_encoder" / "1" / "model.weights"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "bundle", verify=True)


def parted(weights: dict[str, Any]) -> onnx_graph.OnnxGraph:
    """A graph that adds all of its weights to its input."""
    values = {name: np.asarray(value) for name, value in weights.items()}
    nodes, last = [], "x"
    for name in values:
        nodes.append(onnx.helper.make_node("Add", [last, name], [f"{name}+"]))
        last = f"{name}+"
    shape = (onnx.TensorProto.FLOAT, [1024])
    graph = onnx.helper.make_graph(
        nodes,
        "main",
        [onnx.helper.make_tensor_value_info("x", *shape)],
        [onnx.helper.make_tensor_value_info(last, *shape)],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    return onnx_graph.from_ir(onnx_ir.serde.deserialize_model(model))


@pytest.mark.parametrize("largest", [0, 1 << 30], ids=["beside", "within"])
def test_equal_weights_are_one_and_only_exact_ones_are_halved(
    largest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graph, "LARGEST_SINGLE_FILE_BYTES", largest)
    exact = np.arange(1024, dtype=np.float32)
    weights = {
        "exact": exact,
        "same": exact.copy(),
        "fine": exact / 3,
        "huge": exact * 1e5,
        "scalar": np.float32(0.5),
    }
    graph = onnx_graph.tidy(parted(weights), half=True)
    onnx_graph.write(graph, tmp_path / "g" / "model.onnx")
    stored = {t.name: t for t in onnx.load(tmp_path / "g" / "model.onnx").graph.initializer}
    assert {name: tensor.data_type for name, tensor in stored.items()} == {
        "exact.float16": onnx.TensorProto.FLOAT16,
        "fine": onnx.TensorProto.FLOAT,
        "huge": onnx.TensorProto.FLOAT,
        "scalar": onnx.TensorProto.FLOAT,
    }
    assert (tmp_path / "g" / "model.weights").exists() == (largest == 0)
    session = onnxruntime.InferenceSession(tmp_path / "g" / "model.onnx")
    x = np.ones(1024, np.float32)
    total = x + exact + exact + exact / 3 + exact * 1e5 + np.float32(0.5)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], total, rtol=1e-6)
