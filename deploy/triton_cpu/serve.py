"""Start NVIDIA Triton on the CPU, from the binary in PyPI's ``nvidia-pytriton``.

For one machine and for tests; see README.md in this folder. Run it with the Python of the
environment that holds requirements/triton.txt::

    .venv-triton/bin/python deploy/triton_cpu/serve.py --model-repository .data/models \\
        --runtime-dir .data/triton --http-port 8000 --grpc-port 8001 --metrics-port 8002

The process becomes tritonserver itself (exec), so signals and the exit status are Triton's.
"""

import argparse
import ctypes
import hashlib
import importlib.util
import os
import secrets
import shutil
import sys
import sysconfig
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Triton's Python backend puts tensors
_NVIDIA_DRIVER = Path("/dev/nvidiactl")
# Without a driver these would only be tried, and complained about in the log.
_WITHOUT_GPU = ("--pinned-memory-pool-byte-size=0", "--allow-gpu-metrics=false")
# Doors that nobody here uses. They answer only to a header that nobody is told.
_CLOSED_APIS = "shared-memory,trace,logging"
# With this variable set, loading and unloading models takes the header that the publisher sends.
_ADMIN_KEY = "TRITON_ADMIN_KEY"


def main() -> None:
    """Assemble the backend folder, then become tritonserver."""
    arguments = _parse()
    package = _pytriton_folder()
    _require_libpython()
    runtime = arguments.runtime_dir.resolve()
    prefix = "recompose_" + hashlib.sha256(str(runtime).encode()).hexdigest()[:12]
    _remove_stale_segments(prefix)
    backends = _assemble_backends(package, runtime)
    arguments.model_repository.mkdir(parents=True, exist_ok=True)
    server = package / "tritonserver" / "bin" / "tritonserver"
    command = [str(server), *_flags(arguments, backends, prefix)]
    sys.stdout.flush()
    os.execve(server, command, _environment(package))  # noqa: S606 - no shell is the point


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model-repository", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--runtime-dir", type=Path, required=True, metavar="DIR",
        help="where the backend folder is assembled; one folder per running server",
    )  # fmt: skip
    parser.add_argument("--address", default="127.0.0.1", help="address of all three ports")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    parser.add_argument(
        "--load-model", action="append", default=[], metavar="NAME",
        help="load this model at the start; repeatable, '*' alone loads all",
    )  # fmt: skip
    parser.add_argument("--log-info", action="store_true", help="log more than warnings")
    return parser.parse_args()


def _flags(arguments: argparse.Namespace, backends: Path, shm_prefix: str) -> list[str]:
    restricted = [f"{_CLOSED_APIS}:closed={secrets.token_urlsafe(24)}"]
    if key := os.environ.get(_ADMIN_KEY):
        restricted.append(f"model-repository:admin={key}")
    return [
        f"--model-repository={arguments.model_repository.resolve()}",
        "--model-control-mode=explicit",
        "--disable-auto-complete-config",
        *(f"--load-model={name}" for name in arguments.load_model),
        f"--backend-directory={backends}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
        f"--http-address={arguments.address}",
        f"--http-port={arguments.http_port}",
        *(f"--http-restricted-api={rule}" for rule in restricted),
        f"--grpc-address={arguments.address}",
        f"--grpc-port={arguments.grpc_port}",
        *(f"--grpc-restricted-protocol={rule}" for rule in restricted),
        f"--metrics-address={arguments.address}",
        f"--metrics-port={arguments.metrics_port}",
        "--strict-readiness=true",
        "--exit-timeout-secs=10",
        *(() if _NVIDIA_DRIVER.exists() else _WITHOUT_GPU),
        f"--log-info={str(arguments.log_info).lower()}",
        "--log-format=ISO8601",
    ]


def _pytriton_folder() -> Path:
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            f"{sys.executable} has no pytriton: run `make setup-triton` and use .venv-triton"
        )
    return Path(spec.submodule_search_locations[0])


def _require_libpython() -> None:
    # Triton reports its absence as a backend stub that "failed to initialize", and no more.
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"
    beside = Path(str(sysconfig.get_config_var("LIBDIR"))) / name
    if beside.is_file():
        return
    try:
        ctypes.CDLL(name)
    except OSError:
        raise SystemExit(
            f"Triton's Python backend needs {name}, which this Python was built without: install "
            f"it (Debian and Ubuntu: {name.removesuffix('.so.1.0')}), or make .venv-triton with a "
            "Python that has it (pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared)"
        ) from None


def _assemble_backends(package: Path, runtime: Path) -> Path:
    """Lay out ``python/`` with the stub of this Python, and ``onnxruntime/`` beside it."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = "triton_python_backend_stub"
    source = package / "tritonserver" / "python_backend_stubs" / version / stub
    if not source.is_file():
        raise SystemExit(f"nvidia-pytriton has no backend stub for Python {version}")
    backends = runtime / "backends"
    shutil.rmtree(backends, ignore_errors=True)
    shutil.copytree(package / "tritonserver" / "backends" / "python", backends / "python")
    shutil.copyfile(source, backends / "python" / stub)
    (backends / "python" / stub).chmod(0o755)
    shutil.copytree(
        Path(__file__).resolve().parent / "onnxruntime",
        backends / "onnxruntime",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return backends


def _environment(package: Path) -> dict[str, str]:
    # The stub embeds an isolated Python: it ignores PYTHONPATH and takes the prefix of the first
    # python on PATH, and it needs libpython of exactly this version.
    environment = dict(os.environ)
    libraries = [str(package.parent / "nvidia_pytriton.libs")]
    if libdir := sysconfig.get_config_var("LIBDIR"):
        libraries.append(str(libdir))
    if inherited := environment.get("LD_LIBRARY_PATH"):
        libraries.append(inherited)
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
    binaries = str(Path(sys.prefix) / "bin")
    environment["PATH"] = os.pathsep.join([binaries, environment.get("PATH", os.defpath)])
    return environment


def _remove_stale_segments(prefix: str) -> None:
    # A killed server leaves its segments behind; the next one with this runtime folder frees them.
    if _SHARED_MEMORY.is_dir():
        for segment in _SHARED_MEMORY.glob(f"{prefix}*"):
            segment.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
