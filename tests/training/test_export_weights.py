"""Weights of an exported graph: merged, halved, and beside the graph when they are large."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import pytest

from sprc import onnx_graph


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
