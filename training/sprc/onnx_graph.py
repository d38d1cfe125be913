"""Make an exported ONNX graph small, anonymous and the same bytes every time.

Weights stay apart from the nodes until they are written, since neither a message nor a file of
protobuf may pass 2 GB: a full-size ViT does.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
import onnx_ir
from onnx import TensorProto, helper

SMALLEST_HALF = 512
LARGEST_SINGLE_FILE_BYTES = 1_900_000_000
WEIGHTS_FILE = "model.weights"
SMALLEST_EXTERNAL_BYTES = 1024
ALIGNMENT_BYTES = 4096
"""Weights in their own file begin at pages, so that they can be mapped."""


@dataclass(frozen=True)
class Weight:
    """Values as exported, perhaps a view of PyTorch's, and the type to store them in."""

    values: np.ndarray[Any, np.dtype[Any]]
    dtype: np.dtype[Any]

    def stored(self) -> bytes:
        """Little-endian bytes in the stored type."""
        return self.values.astype(self.dtype, copy=False).tobytes()

    @property
    def nbytes(self) -> int:
        """Size as stored."""
        return int(self.values.size) * self.dtype.itemsize


@dataclass(frozen=True)
class OnnxGraph:
    """Nodes, inputs and outputs as a protobuf without initializers, and the weights by name."""

    model: onnx.ModelProto
    weights: dict[str, Weight]


def from_ir(model: onnx_ir.Model) -> OnnxGraph:
    """Part an exported model, which loses its weights by that."""
    weights = {}
    for name, value in model.graph.initializers.items():
        assert value.const_value is not None, f"{name} has no value"
        values = value.const_value.numpy()
        weights[name] = Weight(values, values.dtype)
    model.graph.initializers.clear()
    return OnnxGraph(onnx_ir.serde.serialize_model(model), weights)


def tidy(graph: OnnxGraph, *, half: bool) -> OnnxGraph:
    """Rewrite in place and return: no traces of the exporting machine, equal weights once.

    With `half`, weights whose float32 values are float16 numbers are stored as float16 behind a
    Cast, which onnxruntime folds when it loads the graph; the arithmetic stays float32.
    """
    _forget_origins(graph.model)
    _resolve_aliases(graph)
    _merge_equal_weights(graph)
    if half:
        _store_half(graph)
    for index, node in enumerate(graph.model.graph.node):
        node.name = f"{node.op_type}_{index}"
    return graph


def write(graph: OnnxGraph, path: Path) -> None:
    """Write deterministic bytes and check them; above 1.9 GB weights go to a file beside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = onnx.ModelProto()
    whole.CopyFrom(graph.model)
    if sum(weight.nbytes for weight in graph.weights.values()) > LARGEST_SINGLE_FILE_BYTES:
        with path.with_name(WEIGHTS_FILE).open("wb") as beside:
            whole.graph.initializer.extend(_tensors(graph.weights, beside))
    else:
        whole.graph.initializer.extend(_tensors(graph.weights, None))
    path.write_bytes(whole.SerializeToString(deterministic=True))
    onnx.checker.check_model(path)


def _tensors(weights: dict[str, Weight], beside: BinaryIO | None) -> Iterator[TensorProto]:
    """One tensor at a time, its bytes inside or, if large, in the file `beside`."""
    for name, weight in weights.items():
        tensor = TensorProto(
            name=name,
            dims=weight.values.shape,
            data_type=helper.np_dtype_to_tensor_dtype(weight.dtype),
        )
        if weight.dtype == weight.values.dtype:
            # Present though empty, so that equal models keep the digests of earlier exports.
            tensor.doc_string = ""
        if beside is None or weight.nbytes < SMALLEST_EXTERNAL_BYTES:
            tensor.raw_data = weight.stored()
        else:
            beside.write(bytes(-beside.tell() % ALIGNMENT_BYTES))
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (
                ("location", WEIGHTS_FILE),
                ("offset", beside.tell()),
                ("length", weight.nbytes),
            ):
                tensor.external_data.add(key=key, value=str(value))
            beside.write(weight.stored())
        yield tensor


def _forget_origins(model: onnx.ModelProto) -> None:
    for message in (model, model.graph):
        message.doc_string = ""
        message.ClearField("metadata_props")
    model.producer_name, model.producer_version = "recompose", ""
    model.graph.name = "main"
    model.graph.ClearField("value_info")
    for item in (*model.graph.node, *model.graph.input, *model.graph.output):
        item.doc_string = ""
        item.ClearField("metadata_props")


def _rename_inputs(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in names:
                node.input[index] = names[name]


def _resolve_aliases(parted: OnnxGraph) -> None:
    """Drop Identity nodes that only give a weight a second name."""
    graph = parted.model.graph
    outputs = {value.name for value in graph.output}
    aliases = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Identity"
        and node.input[0] in parted.weights
        and node.output[0] not in outputs
    }
    kept = [node for node in graph.node if node.output[0] not in aliases]
    graph.ClearField("node")
    graph.node.extend(kept)
    _rename_inputs(graph, aliases)


def _merge_equal_weights(parted: OnnxGraph) -> None:
    """Keep the weights that are used, equal ones once, ordered by name."""
    graph = parted.model.graph
    used = {name for node in graph.node for name in node.input}
    used |= {value.name for value in graph.output}
    first: dict[tuple[str, tuple[int, ...], bytes], str] = {}
    names: dict[str, str] = {}
    kept = {}
    for name, weight in sorted(parted.weights.items()):
        if name not in used:
            continue
        content = hashlib.sha256(weight.stored()).digest()
        key = (weight.dtype.str, weight.values.shape, content)
        if key in first:
            names[name] = first[key]
        else:
            first[key] = name
            kept[name] = weight
    parted.weights.clear()
    parted.weights.update(kept)
    _rename_inputs(graph, names)


def _store_half(parted: OnnxGraph) -> None:
    graph = parted.model.graph
    casts, weights = [], {}
    for name, weight in parted.weights.items():
        values = weight.values
        if values.dtype == np.float32 and values.size >= SMALLEST_HALF and _is_half(values):
            stored = f"{name}.float16"
            weights[stored] = Weight(values, np.dtype(np.float16))
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
        else:
            weights[name] = weight
    nodes = [*casts, *graph.node]
    parted.weights.clear()
    parted.weights.update(weights)
    graph.ClearField("node")
    graph.node.extend(nodes)


def _is_half(values: np.ndarray[Any, np.dtype[Any]]) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float16).astype(np.float32), values))
