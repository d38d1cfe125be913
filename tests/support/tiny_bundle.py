"""A bundle of three small random graphs, or four, with the names and shapes of a real export.

Tests of serving need a bundle's form, not a model's knowledge: these graphs are made in
milliseconds, are deterministic in their seed, and can be made to misbehave.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from retrieval.bundle import (
    RERANKER,
    Preprocess,
    Sizes,
    TextRules,
    compute_digest,
    compute_reranker_digest,
)

SIZES = Sizes(
    image_size=16, patches=5, vision_width=8, query_tokens=4, embed_dim=16, text_length=12
)
VOCABULARY = 50
Fault = Literal["none", "nan", "zero", "unnormalised"]

_OPSET = 17
_IR_VERSION = 9
_PREPROCESS = Preprocess(
    version=1,
    transform="targetpad",
    target_ratio=1.25,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
_TEXT = TextRules(version=1, processor="blip_caption", max_words=50)


def write_tiny_bundle(
    directory: Path,
    *,
    seed: int = 0,
    precision: Literal["float32", "float16"] = "float16",
    fault: Fault = "none",
    max_batch_size: int = 8,
    max_queue_size: int = 64,
    queue_delay_us: int = 0,
    work: int = 0,
    padding_bytes: int = 0,
    tokenizer: Path | None = None,
    trained_at: datetime | None = None,
    reranker: int | None = None,
    reranker_fault: float = 0.0,
) -> Path:
    """Write a bundle into ``directory`` and return it.

    Args:
        fault: what is wrong with the embeddings that the graphs answer.
        queue_delay_us: how long Triton waits for a full batch: a slow server that burns no CPU.
        padding_bytes: size of a weight in each graph that nothing uses.
        tokenizer: a real one, for a gateway that reads it.
        trained_at: what it says of that; nothing where None.
        work: this many extra 256x256 matrix products in each graph: a slow server that does.
        reranker: seed of a fourth graph; none where None.
        reranker_fault: added to each probability that it gives.
    """
    random = np.random.default_rng(seed)
    graphs = {
        "image_encoder": _image_encoder(random, precision, fault, work),
        "fusion_encoder": _fusion_encoder(random, precision, fault, work),
        "text_encoder": _text_encoder(random, fault, work),
    }
    for name, graph in graphs.items():
        if padding_bytes:
            padding = numpy_helper.from_array(np.zeros(padding_bytes, np.uint8), "padding")
            graph.initializer.append(padding)
        config = _config(graph, max_batch_size, max_queue_size, queue_delay_us)
        _write_graph(directory / name, graph, config)
    words = tokenizer.read_text() if tokenizer else json.dumps({"seed": seed})
    (directory / "tokenizer.json").write_text(words)
    digest = compute_digest(directory, SIZES, _PREPROCESS, _TEXT)
    second = {}
    if reranker is not None:
        judge = _reranker(np.random.default_rng(reranker), precision, reranker_fault, work)
        _write_graph(directory / RERANKER, judge, _config(judge, 1, max_queue_size, queue_delay_us))
        second = {"reranker": {"digest": compute_reranker_digest(directory, digest)}}
    contents = {
        "format": 1,
        "name": "tiny",
        "digest": digest,
        "precision": precision,
        "sizes": SIZES.model_dump(),
        "preprocess": _PREPROCESS.model_dump(),
        "text": _TEXT.model_dump(),
        **({"trained_at": trained_at.isoformat()} if trained_at else {}),
        **second,
    }
    (directory / "bundle.json").write_text(json.dumps(contents, indent=1))
    return directory


def _write_graph(folder: Path, graph: onnx.GraphProto, config: str) -> None:
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    onnx.checker.check_model(model)
    (folder / "1").mkdir(parents=True)
    onnx.save(model, folder / "1" / "model.onnx")
    (folder / "config.pbtxt").write_text(config)


class _Graph:
    """Collects nodes and weights under fresh names."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, *shape: int) -> str:
        scale = np.float32(shape[0] ** -0.5)
        return self.constant(self.random.standard_normal(shape, dtype=np.float32) * scale)

    def linear(self, value: str, inputs: int, outputs: int) -> str:
        product = self.op("MatMul", value, self.weight(inputs, outputs))
        return self.op("Add", product, self.constant(self.random.standard_normal(outputs, "f4")))

    def reshape(self, value: str, *shape: int) -> str:
        return self.op("Reshape", value, self.constant(np.array(shape, dtype=np.int64)))

    def embedding(self, value: str, fault: Fault, output: str) -> None:
        """L2-normalise the last axis, then do what ``fault`` says."""
        norm = self.op("ReduceL2", value, axes=[-1], keepdims=1)
        unit = self.op("Div", value, norm)
        factor = {"none": 1.0, "nan": np.nan, "zero": 0.0, "unnormalised": 3.0}[fault]
        self.op("Mul", unit, self.constant(np.array(factor, dtype=np.float32)), output=output)

    def busy(self, value: str, work: int) -> str:
        """Add zero to ``value``, by way of ``work`` matrix products."""
        if not work:
            return value
        square = self.weight(256, 256)
        start = self.op("Mul", self.op("ReduceMean", value, keepdims=0), square)
        for _ in range(work):
            start = self.op("Tanh", self.op("MatMul", start, square))
        zero = self.op("Mul", self.op("ReduceMean", start, keepdims=0), self.zero())
        return self.op("Add", value, zero)

    def zero(self) -> str:
        return self.constant(np.array(0, dtype=np.float32))

    def text(self) -> str:
        """The masked mean of random token embeddings: [B, 32]."""
        rows = self.op("Gather", self.weight(VOCABULARY, 32), "input_ids")
        mask = self.op("Cast", "attention_mask", to=TensorProto.FLOAT)
        column = self.op("Unsqueeze", mask, self.constant(np.array([2], dtype=np.int64)))
        return self.op("ReduceMean", self.op("Mul", rows, column), axes=[1], keepdims=0)


def _float(name: str, *shape: int | str, precision: str = "float32") -> onnx.ValueInfoProto:
    kind = TensorProto.FLOAT16 if precision == "float16" else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, kind, ["batch", *shape])


def _texts() -> list[onnx.ValueInfoProto]:
    shape: list[str | int | None] = ["batch", SIZES.text_length]
    return [
        helper.make_tensor_value_info(name, TensorProto.INT64, shape)
        for name in ("input_ids", "attention_mask")
    ]


def _image_encoder(
    random: np.random.Generator, precision: str, fault: Fault, work: int
) -> onnx.GraphProto:
    graph, side = _Graph(random), SIZES.image_size
    patches, width = SIZES.patches, SIZES.vision_width
    flat = graph.op("Flatten", graph.busy("pixel_values", work), axis=1)
    hidden = graph.op("Tanh", graph.linear(flat, 3 * side * side, patches * width))
    kind = TensorProto.FLOAT16 if precision == "float16" else TensorProto.FLOAT
    graph.op("Cast", graph.reshape(hidden, -1, patches, width), to=kind, output="image_embeds")
    tokens = graph.linear(hidden, patches * width, SIZES.query_tokens * SIZES.embed_dim)
    tokens = graph.reshape(tokens, -1, SIZES.query_tokens, SIZES.embed_dim)
    graph.embedding(tokens, fault, "image_tokens")
    return helper.make_graph(
        graph.nodes,
        "image_encoder",
        [_float("pixel_values", 3, side, side)],
        [
            _float("image_embeds", patches, width, precision=precision),
            _float("image_tokens", SIZES.query_tokens, SIZES.embed_dim),
        ],
        graph.weights,
    )


def _fusion_encoder(
    random: np.random.Generator, precision: str, fault: Fault, work: int
) -> onnx.GraphProto:
    graph, patches, width = _Graph(random), SIZES.patches, SIZES.vision_width
    embeds = graph.op("Cast", "image_embeds", to=TensorProto.FLOAT)
    image = graph.linear(graph.op("Flatten", embeds, axis=1), patches * width, SIZES.embed_dim)
    text = graph.linear(graph.text(), 32, SIZES.embed_dim)
    graph.embedding(graph.busy(graph.op("Add", image, text), work), fault, "query_embedding")
    return helper.make_graph(
        graph.nodes,
        "fusion_encoder",
        [_float("image_embeds", patches, width, precision=precision), *_texts()],
        [_float("query_embedding", SIZES.embed_dim)],
        graph.weights,
    )


def _text_encoder(random: np.random.Generator, fault: Fault, work: int) -> onnx.GraphProto:
    graph = _Graph(random)
    text = graph.busy(graph.linear(graph.text(), 32, SIZES.embed_dim), work)
    graph.embedding(text, fault, "query_embedding")
    return helper.make_graph(
        graph.nodes,
        "text_encoder",
        _texts(),
        [_float("query_embedding", SIZES.embed_dim)],
        graph.weights,
    )


def _reranker(
    random: np.random.Generator, precision: str, fault: float, work: int
) -> onnx.GraphProto:
    graph, patches, width = _Graph(random), SIZES.patches, SIZES.vision_width
    reference = graph.op("Cast", "reference_embeds", to=TensorProto.FLOAT)
    asked = graph.linear(graph.op("Flatten", reference, axis=1), patches * width, 16)
    asked = graph.op("Add", asked, graph.linear(graph.text(), 32, 16))
    asked = graph.op("Unsqueeze", asked, graph.constant(np.array([1], dtype=np.int64)))
    shown = graph.busy(graph.op("Cast", "candidate_embeds", to=TensorProto.FLOAT), work)
    shown = graph.linear(graph.reshape(shown, 0, -1, patches * width), patches * width, 16)
    both = graph.op("Tanh", graph.op("Add", asked, shown))
    fits = graph.op("Sigmoid", graph.reshape(graph.linear(both, 16, 1), 0, -1))
    wrong = graph.constant(np.array(fault, dtype=np.float32))
    graph.op("Add", fits, wrong, output="match_probability")
    return helper.make_graph(
        graph.nodes,
        RERANKER,
        [
            _float("reference_embeds", patches, width, precision=precision),
            _float("candidate_embeds", "candidates", patches, width, precision=precision),
            *_texts(),
        ],
        [_float("match_probability", "candidates")],
        graph.weights,
    )


_CONFIG_TYPES = {
    TensorProto.FLOAT: "TYPE_FP32",
    TensorProto.FLOAT16: "TYPE_FP16",
    TensorProto.INT64: "TYPE_INT64",
}


def _config(
    graph: onnx.GraphProto, max_batch_size: int, max_queue_size: int, queue_delay_us: int
) -> str:
    def tensors(values: Any) -> str:
        return ", ".join(
            f'{{ name: "{value.name}" data_type: {_CONFIG_TYPES[value.type.tensor_type.elem_type]} '
            f"dims: {[size.dim_value or -1 for size in value.type.tensor_type.shape.dim[1:]]} }}"
            for value in values
        )

    return f"""backend: "onnxruntime"
max_batch_size: {max_batch_size}
input [ {tensors(graph.input)} ]
output [ {tensors(graph.output)} ]
dynamic_batching {{
  max_queue_delay_microseconds: {queue_delay_us}
  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: 5000000
    allow_timeout_override: true
    max_queue_size: {max_queue_size}
  }}
}}
instance_group [ {{ count: 1 kind: KIND_AUTO }} ]
parameters {{ key: "intra_op_thread_count" value {{ string_value: "1" }} }}
"""
