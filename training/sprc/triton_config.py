"""The ``config.pbtxt`` of each served graph, read by Triton's onnxruntime backend."""

from pathlib import Path

import onnx
from onnx import TensorProto

MAX_BATCH_SIZE = 32
WARMUP_LENGTH = 8
"""Of a dimension that the graph leaves open, in the request that a model is warmed up with."""
QUEUE_DELAY_US = 0
"""None: what comes while a graph is busy is its next batch, and a lone request waits in vain."""
QUEUE_TIMEOUT_US = 8_000_000
MAX_QUEUE_SIZE = 128
TYPES: dict[int, str] = {
    TensorProto.FLOAT: "TYPE_FP32",
    TensorProto.FLOAT16: "TYPE_FP16",
    TensorProto.INT64: "TYPE_INT64",
}


def config_pbtxt(model: onnx.ModelProto) -> str:
    """Text of the configuration; without a name, since the folder names a published model.

    A graph that leaves more open than its batch takes one request at a time: requests of other
    lengths could not be its batch.
    Requests wait `QUEUE_DELAY_US` for others to be in their batch, are refused beyond
    `MAX_QUEUE_SIZE`, and are rejected when they waited longer than their own timeout or
    `QUEUE_TIMEOUT_US`.
    """
    is_open = any(0 in _dims(value, 0) for value in model.graph.input)
    parts = ['backend: "onnxruntime"', f"max_batch_size: {1 if is_open else MAX_BATCH_SIZE}"]
    parts += [_tensors("input", list(model.graph.input))]
    parts += [_tensors("output", list(model.graph.output))]
    parts += [
        f"""dynamic_batching {{
  max_queue_delay_microseconds: {QUEUE_DELAY_US}
  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: {QUEUE_TIMEOUT_US}
    allow_timeout_override: true
    max_queue_size: {MAX_QUEUE_SIZE}
  }}
}}""",
        "instance_group [ { count: 1, kind: KIND_AUTO } ]",
        _warmup(list(model.graph.input)),
    ]
    return "\n".join(parts) + "\n"


def write_config(model: onnx.ModelProto, path: Path) -> None:
    """Write the configuration of `model`."""
    path.write_text(config_pbtxt(model))


def _dims(value: onnx.ValueInfoProto, left_open: int) -> list[int]:
    """Lengths behind the batch; `left_open` where the graph says none."""
    return [dim.dim_value or left_open for dim in value.type.tensor_type.shape.dim[1:]]


def _shape(value: onnx.ValueInfoProto, left_open: int = -1) -> str:
    return "[ " + ", ".join(map(str, _dims(value, left_open))) + " ]"


def _tensors(kind: str, values: list[onnx.ValueInfoProto]) -> str:
    rows = [
        f'  {{ name: "{value.name}", data_type: {TYPES[value.type.tensor_type.elem_type]}, '
        f"dims: {_shape(value)} }}"
        for value in values
    ]
    return f"{kind} [\n" + ",\n".join(rows) + "\n]"


def _warmup(values: list[onnx.ValueInfoProto]) -> str:
    rows = [
        f'  inputs {{ key: "{value.name}" value {{ '
        f"data_type: {TYPES[value.type.tensor_type.elem_type]}, "
        f"dims: {_shape(value, WARMUP_LENGTH)}, zero_data: true }} }}"
        for value in values
    ]
    return 'model_warmup [ {\n  name: "zeros"\n  batch_size: 1\n' + "\n".join(rows) + "\n} ]"
