"""A Triton python-based backend named ``onnxruntime``.

It reads the same ``config.pbtxt`` and ``model.onnx`` as NVIDIA's compiled backend of that name,
so one model repository serves on a CPU and on a GPU server. The requests that Triton's batcher
hands over together are concatenated, run once, and split again.

Parameters of ``config.pbtxt``, named as in NVIDIA's backend:

``intra_op_thread_count``
    Threads inside one operator; unset or 0 means the cores this process may use.
``inter_op_thread_count``
    Threads across operators; unset means 1.

On a GPU the environment variable ``ONNXRUNTIME_PROVIDERS`` names what runs the graphs, best first:
``CUDA`` where it is unset, or ``TensorRT,CUDA``.

Source: https://github.com/triton-inference-server/backend/blob/main/docs/python_based_backends.md
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils

# onnxruntime's own names; a graph whose tensors have another type is refused at load.
_ORT_TYPES = {
    "TYPE_FP16": "tensor(float16)",
    "TYPE_FP32": "tensor(float)",
    "TYPE_FP64": "tensor(double)",
    "TYPE_INT32": "tensor(int32)",
    "TYPE_INT64": "tensor(int64)",
    "TYPE_UINT8": "tensor(uint8)",
    "TYPE_BOOL": "tensor(bool)",
}
_GPU_PROVIDERS = {"TensorRT": "TensorrtExecutionProvider", "CUDA": "CUDAExecutionProvider"}
_ORT_ERROR = 3  # log severity: errors only
_INPUT_ERRORS = (
    ort.capi.onnxruntime_pybind11_state.InvalidArgument,
    ort.capi.onnxruntime_pybind11_state.Fail,
    ort.capi.onnxruntime_pybind11_state.RuntimeException,
)


class TritonPythonModel:
    """One instance of one model version: a session, and the weights it holds."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load ``<model_repository>/<model_version>/model.onnx`` and compare it with the config.

        Raises `pb_utils.TritonModelException`, which Triton reports as the reason why the model
        did not load.
        """
        config = json.loads(args["model_config"])
        self._logger = pb_utils.Logger
        self._batched = int(config.get("max_batch_size", 0)) > 0
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"]]
        filename = config.get("default_model_filename") or "model.onnx"
        path = Path(args["model_repository"]) / args["model_version"] / filename
        if not path.is_file():
            raise pb_utils.TritonModelException(f"{args['model_name']} has no {path}")
        self._session = ort.InferenceSession(
            str(path),
            sess_options=_session_options(config),
            providers=self._providers(args),
        )
        _check_tensors("input", config["input"], self._session.get_inputs())
        _check_tensors("output", config["output"], self._session.get_outputs())

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer every request, in order; a request that cannot be run gets its own error."""
        responses: list[Any] = [None] * len(requests)
        live = []
        for index, request in enumerate(requests):
            if request.is_cancelled():
                responses[index] = _failure("cancelled", pb_utils.TritonError.CANCELLED)
            else:
                live.append(index)
        groups = [live] if self._batched else [[index] for index in live]
        for group in filter(None, groups):
            for index, response in zip(group, self._run([requests[i] for i in group]), strict=True):
                responses[index] = response
        return responses

    def finalize(self) -> None:
        """Let go of the session and its weights."""
        del self._session

    def _run(self, requests: Sequence[Any]) -> list[Any]:
        arrays = [self._read(request) for request in requests]
        wanted = [set(request.requested_output_names()) for request in requests]
        names = [name for name in self._outputs if any(name in some for some in wanted)]
        feed = {
            name: arrays[0][name]
            if len(arrays) == 1
            else np.concatenate([array[name] for array in arrays])
            for name in self._inputs
        }
        try:
            results = dict(zip(names, self._session.run(names, feed), strict=True))
        except _INPUT_ERRORS as error:
            if len(requests) == 1:
                return [_failure(_reason(error), pb_utils.TritonError.INVALID_ARG)]
            # One bad request must not fail the strangers it was batched with.
            return [response for request in requests for response in self._run([request])]
        if len(requests) == 1:
            return [_answer(results, wanted[0])]
        stops = np.cumsum([array[self._inputs[0]].shape[0] for array in arrays])
        starts = np.concatenate([[0], stops[:-1]])
        return [
            _answer({name: results[name][start:stop] for name in names}, some)
            for start, stop, some in zip(starts, stops, wanted, strict=True)
        ]

    def _read(self, request: Any) -> dict[str, np.ndarray]:
        return {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self._inputs
        }

    def _providers(self, args: dict[str, str]) -> list[Any]:
        if args["model_instance_kind"] != "GPU":
            return ["CPUExecutionProvider"]
        wanted = _gpu_providers()
        available = ort.get_available_providers()
        if missing := [name for name in wanted if name not in available]:
            self._logger.log_warn(
                f"{args['model_name']}: a GPU instance, but this onnxruntime has no "
                f"{', '.join(missing)} (install onnxruntime-gpu): going on without"
            )
        device = {"device_id": int(args["model_instance_device_id"])}
        found = [(name, device) for name in wanted if name in available]
        if found:
            # CUDA's libraries come in Python packages, where the loader does not look.
            ort.preload_dlls()
        return [*found, "CPUExecutionProvider"]


def _gpu_providers() -> list[str]:
    named = os.environ.get("ONNXRUNTIME_PROVIDERS") or "CUDA"
    try:
        return [_GPU_PROVIDERS[name.strip()] for name in named.split(",")]
    except KeyError:
        raise pb_utils.TritonModelException(
            f"ONNXRUNTIME_PROVIDERS may name {' and '.join(_GPU_PROVIDERS)}, separated by commas"
        ) from None


def _session_options(config: dict[str, Any]) -> ort.SessionOptions:
    parameters = {key: entry["string_value"] for key, entry in config.get("parameters", {}).items()}
    options = ort.SessionOptions()
    options.log_severity_level = _ORT_ERROR
    options.intra_op_num_threads = int(parameters.get("intra_op_thread_count", 0)) or len(
        os.sched_getaffinity(0)
    )
    options.inter_op_num_threads = int(parameters.get("inter_op_thread_count", 1))
    # Idle threads that spin would take the cores from the other models and from the gateway.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _check_tensors(kind: str, configured: list[dict[str, Any]], actual: list[Any]) -> None:
    types = {tensor.name: tensor.type for tensor in actual}
    for entry in configured:
        name, wanted = entry["name"], _ORT_TYPES.get(entry["data_type"])
        if name not in types:
            raise pb_utils.TritonModelException(
                f"the graph has no {kind} {name}; it has {', '.join(sorted(types))}"
            )
        if types[name] != wanted:
            raise pb_utils.TritonModelException(
                f"{kind} {name} is {types[name]} in the graph, {entry['data_type']} in the config"
            )
    missing = set(types) - {entry["name"] for entry in configured}
    if kind == "input" and missing:
        raise pb_utils.TritonModelException(
            f"config.pbtxt leaves out the graph's input {', '.join(sorted(missing))}"
        )


def _answer(results: dict[str, np.ndarray], wanted: set[str]) -> Any:
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor(name, array) for name, array in results.items() if name in wanted]
    )


def _failure(reason: str, code: int) -> Any:
    return pb_utils.InferenceResponse([], pb_utils.TritonError(reason, code))


def _reason(error: Exception) -> str:
    # onnxruntime's messages name nodes and shapes and may quote values: type alone leaves here.
    return f"onnxruntime refused the inputs ({type(error).__name__})"
