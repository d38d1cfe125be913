"""Make an exported ONNX graph small, anonymous and the same bytes every time."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST_HALF = 512
LARGEST_SINGLE_FILE_BYTES = 1_900_000_000


def tidy(model: onnx.ModelProto, *, half: bool) -> onnx.ModelProto:
    """Rewrite in place and return: no traces of the exporting machine, equal weights once.

    With `half`, weights whose float32 values are float16 numbers are stored as float16 behind a
    Cast, which onnxruntime folds when it loads the graph; the arithmetic stays float32.
    """
    graph = model.graph
    _forget_origins(model)
    _resolve_aliases(graph)
    _merge_equal_initializers(graph)
    if half:
        _store_half(graph)
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{index}"
    onnx.checker.check_model(model)
    return model


def write(model: onnx.ModelProto, path: Path) -> None:
    """Write deterministic bytes; weights over 1.9 GB go to a file in the same folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if model.ByteSize() > LARGEST_SINGLE_FILE_BYTES:
        onnx.save_model(
            model, path, save_as_external_data=True, location="model.weights", size_threshold=1024
        )
        return
    path.write_bytes(model.SerializeToString(deterministic=True))


def _forget_origins(model: onnx.ModelProto) -> None:
    for message in (model, model.graph):
        message.doc_string = ""
        message.ClearField("metadata_props")
    model.producer_name, model.producer_version = "recompose", ""
    model.graph.name = "main"
    model.graph.ClearField("value_info")
    for node in model.graph.node:
        node.doc_string = ""
        node.ClearField("metadata_props")
    for tensor in model.graph.initializer:
        tensor.doc_string = ""
        tensor.ClearField("metadata_props")
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = ""
        value.ClearField("metadata_props")


def _rename_inputs(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in names:
                node.input[index] = names[name]


def _resolve_aliases(graph: onnx.GraphProto) -> None:
    """Drop Identity nodes that only give a weight a second name."""
    weights = {tensor.name for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    aliases = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Identity" and node.input[0] in weights and node.output[0] not in outputs
    }
    kept = [node for node in graph.node if node.output[0] not in aliases]
    graph.ClearField("node")
    graph.node.extend(kept)
    _rename_inputs(graph, aliases)


def _merge_equal_initializers(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    used |= {value.name for value in graph.output}
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    names: dict[str, str] = {}
    kept = []
    for tensor in sorted(graph.initializer, key=lambda item: item.name):
        if tensor.name not in used:
            continue
        content = numpy_helper.to_array(tensor).tobytes()
        key = (tensor.data_type, tuple(tensor.dims), content)
        if key in first:
            names[tensor.name] = first[key]
        else:
            first[key] = tensor.name
            kept.append(tensor)
    graph.ClearField("initializer")
    graph.initializer.extend(kept)
    _rename_inputs(graph, names)


def _store_half(graph: onnx.GraphProto) -> None:
    casts, tensors = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= SMALLEST_HALF and _is_half(values):
            stored = f"{tensor.name}.float16"
            tensors.append(numpy_helper.from_array(values.astype(np.float16), stored))
            casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
        else:
            tensors.append(tensor)
    nodes = [*casts, *graph.node]
    graph.ClearField("initializer")
    graph.initializer.extend(tensors)
    graph.ClearField("node")
    graph.node.extend(nodes)


def _is_half(values: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float16).astype(np.float32), values))
