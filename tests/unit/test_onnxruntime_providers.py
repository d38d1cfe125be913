"""Which of onnxruntime's providers an instance of the Triton backend asks for."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

MODEL = Path(__file__).parents[2] / "deploy" / "triton_cpu" / "onnxruntime" / "model.py"
CPU = "CPUExecutionProvider"
GPU_INSTANCE = {
    "model_name": "text_encoder",
    "model_instance_kind": "GPU",
    "model_instance_device_id": "1",
}


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The backend's module, with only Triton's own module faked."""
    utils = ModuleType("triton_python_backend_utils")
    utils.TritonModelException = type("TritonModelException", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, utils.__name__, utils)
    spec = importlib.util.spec_from_file_location("onnxruntime_backend", MODEL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.ort, "preload_dlls", lambda: None)
    return module


def ask(backend: Any, instance: dict[str, str]) -> tuple[list[Any], list[str]]:
    """Providers, and warnings."""
    warned: list[str] = []
    model = backend.TritonPythonModel()
    model._logger = SimpleNamespace(log_warn=warned.append)
    return model._providers(instance), warned


def offer(monkeypatch: pytest.MonkeyPatch, backend: Any, *names: str) -> None:
    """Make this an onnxruntime with these providers."""
    offered = [f"{name}ExecutionProvider" for name in (*names, "CPU")]
    assert set(offered) <= set(backend.ort.get_all_providers())
    monkeypatch.setattr(backend.ort, "get_available_providers", lambda: offered)


def test_a_cpu_instance(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, backend, "CUDA")
    assert ask(backend, {**GPU_INSTANCE, "model_instance_kind": "CPU"}) == ([CPU], [])


def test_cuda_on_the_instances_device(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, backend, "Tensorrt", "CUDA")
    monkeypatch.delenv("ONNXRUNTIME_PROVIDERS", raising=False)
    wanted = [("CUDAExecutionProvider", {"device_id": 1}), CPU]
    assert ask(backend, GPU_INSTANCE) == (wanted, [])


def test_what_is_named_in_its_order(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, backend, "CUDA", "Tensorrt")
    monkeypatch.setenv("ONNXRUNTIME_PROVIDERS", "TensorRT, CUDA")
    providers, warned = ask(backend, GPU_INSTANCE)
    assert [name for name, _ in providers[:-1]] == [
        "TensorrtExecutionProvider",
        "CUDAExecutionProvider",
    ]
    assert not warned


def test_what_is_not_there_is_left_out(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, backend)
    monkeypatch.setenv("ONNXRUNTIME_PROVIDERS", "TensorRT,CUDA")
    providers, (warning,) = ask(backend, GPU_INSTANCE)
    assert providers == [CPU]
    assert "TensorrtExecutionProvider, CUDAExecutionProvider" in warning


def test_a_name_that_nobody_knows(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, backend, "CUDA")
    monkeypatch.setenv("ONNXRUNTIME_PROVIDERS", "CUDA,OpenVINO")
    with pytest.raises(backend.pb_utils.TritonModelException, match="TensorRT and CUDA"):
        ask(backend, GPU_INSTANCE)
