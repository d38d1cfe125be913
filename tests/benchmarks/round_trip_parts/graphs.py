"""Two graphs with the tensors of the published sizes and next to no work.

Whichever way a query goes, the model computes the same; with the computing left out, what remains
is what the ways differ in: messages and bytes.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from retrieval.bundle import Sizes

FULL_SIZE: Final = Sizes(
    image_size=224, patches=257, vision_width=1408, query_tokens=32, embed_dim=256, text_length=32
)
_OPSET: Final = 17
_IR_VERSION: Final = 9


def write_graphs(repository: Path, names: dict[str, str], sizes: Sizes = FULL_SIZE) -> None:
    """Write image and fusion encoder under ``names`` into a model repository."""
    for graph, made in (("image_encoder", _image(sizes)), ("fusion_encoder", _fusion(sizes))):
        model = helper.make_model(
            made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        onnx.checker.check_model(model)
        folder = repository / names[graph]
        (folder / "1").mkdir(parents=True)
        onnx.save(model, folder / "1" / "model.onnx")
        (folder / "config.pbtxt").write_text(_config(made))


def write_ensemble(
    repository: Path, name: str, names: dict[str, str], sizes: Sizes, *, embeds: bool
) -> None:
    """An ensemble of both graphs: pixels and words in, the query and perhaps the embeds out.

    An ensemble that has them for an output has to be asked for them: Triton 2.51 answers
    "unexpected deadlock" where they are only passed on.
    """
    side, text = sizes.image_size, sizes.text_length
    dims = f"[ {sizes.patches}, {sizes.vision_width} ]"
    brought = f'{{ name: "image_embeds", data_type: TYPE_FP16, dims: {dims} }},' if embeds else ""
    (repository / name / "1").mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(f"""platform: "ensemble"
max_batch_size: 32
input [
  {{ name: "pixel_values", data_type: TYPE_FP32, dims: [ 3, {side}, {side} ] }},
  {{ name: "input_ids", data_type: TYPE_INT64, dims: [ {text} ] }},
  {{ name: "attention_mask", data_type: TYPE_INT64, dims: [ {text} ] }}
]
output [
  {brought}
  {{ name: "query_embedding", data_type: TYPE_FP32, dims: [ {sizes.embed_dim} ] }}
]
ensemble_scheduling {{ step [
  {{
    model_name: "{names["image_encoder"]}"
    model_version: -1
    input_map {{ key: "pixel_values" value: "pixel_values" }}
    output_map {{ key: "image_embeds" value: "image_embeds" }}
  }},
  {{
    model_name: "{names["fusion_encoder"]}"
    model_version: -1
    input_map {{ key: "image_embeds" value: "image_embeds" }}
    input_map {{ key: "input_ids" value: "input_ids" }}
    input_map {{ key: "attention_mask" value: "attention_mask" }}
    output_map {{ key: "query_embedding" value: "query_embedding" }}
  }}
] }}
""")


def _image(sizes: Sizes) -> onnx.GraphProto:
    """Means of the colours, spread over all patches."""
    side, patches, width = sizes.image_size, sizes.patches, sizes.vision_width
    tokens = (sizes.query_tokens, sizes.embed_dim)
    random = np.random.default_rng(1)
    nodes = [
        _node("ReduceMean", ["pixel_values"], "colours", axes=[2, 3], keepdims=0),
        _node("MatMul", ["colours", "widen"], "wide"),
        _node("Unsqueeze", ["wide", "one"], "row"),
        _node("Add", ["row", "places"], "embeds"),
        _node("Cast", ["embeds"], "image_embeds", to=TensorProto.FLOAT16),
        _node("MatMul", ["colours", "to_tokens"], "flat"),
        _node("Reshape", ["flat", "token_shape"], "tokens"),
        _node("ReduceL2", ["tokens"], "norms", axes=[-1], keepdims=1),
        _node("Div", ["tokens", "norms"], "image_tokens"),
    ]
    weights: dict[str, NDArray[Any]] = {
        "widen": random.standard_normal((3, width), np.float32),
        "one": np.array([1], np.int64),
        "places": random.standard_normal((patches, width), np.float32),
        "to_tokens": random.standard_normal((3, tokens[0] * tokens[1]), np.float32),
        "token_shape": np.array([-1, *tokens], np.int64),
    }
    return _graph(
        nodes,
        weights,
        [("pixel_values", TensorProto.FLOAT, (3, side, side))],
        [
            ("image_embeds", TensorProto.FLOAT16, (patches, width)),
            ("image_tokens", TensorProto.FLOAT, tokens),
        ],
    )


def _fusion(sizes: Sizes) -> onnx.GraphProto:
    """Means of embeds and of words, turned into a vector."""
    text, width = (sizes.text_length,), sizes.vision_width
    random = np.random.default_rng(2)
    nodes = [
        _node("Mul", ["input_ids", "attention_mask"], "words"),
        _node("Cast", ["words"], "numbers", to=TensorProto.FLOAT),
        _node("ReduceMean", ["numbers"], "meaning", axes=[1], keepdims=1),
        _node("Slice", ["image_embeds", "first", "second", "first_axis"], "row"),
        _node("Squeeze", ["row", "first_axis"], "half"),
        _node("Cast", ["half"], "whole", to=TensorProto.FLOAT),
        _node("Add", ["whole", "meaning"], "both"),
        _node("MatMul", ["both", "narrow"], "query"),
        _node("ReduceL2", ["query"], "norm", axes=[-1], keepdims=1),
        _node("Div", ["query", "norm"], "query_embedding"),
    ]
    weights: dict[str, NDArray[Any]] = {
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "first_axis": np.array([1], np.int64),
        "narrow": random.standard_normal((width, sizes.embed_dim), np.float32),
    }
    return _graph(
        nodes,
        weights,
        [
            ("image_embeds", TensorProto.FLOAT16, (sizes.patches, width)),
            ("input_ids", TensorProto.INT64, text),
            ("attention_mask", TensorProto.INT64, text),
        ],
        [("query_embedding", TensorProto.FLOAT, (sizes.embed_dim,))],
    )


_Tensors = list[tuple[str, int, tuple[int, ...]]]


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], **attributes)


def _graph(
    nodes: list[onnx.NodeProto],
    weights: dict[str, NDArray[Any]],
    inputs: _Tensors,
    outputs: _Tensors,
) -> onnx.GraphProto:
    return helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, kind, ["B", *dims]) for name, kind, dims in inputs],
        [helper.make_tensor_value_info(name, kind, ["B", *dims]) for name, kind, dims in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )


_TYPES: Final = {
    TensorProto.FLOAT: "TYPE_FP32",
    TensorProto.FLOAT16: "TYPE_FP16",
    TensorProto.INT64: "TYPE_INT64",
}


def _config(graph: onnx.GraphProto) -> str:
    def listed(tensors: Any) -> str:
        return ",\n".join(
            f'  {{ name: "{each.name}", data_type: {_TYPES[each.type.tensor_type.elem_type]}, '
            f"dims: {[dim.dim_value for dim in each.type.tensor_type.shape.dim[1:]]} }}"
            for each in tensors
        )

    return f"""backend: "onnxruntime"
max_batch_size: 32
input [
{listed(graph.input)}
]
output [
{listed(graph.output)}
]
dynamic_batching {{ max_queue_delay_microseconds: 0 }}
instance_group [ {{ count: 1, kind: KIND_AUTO }} ]
"""
