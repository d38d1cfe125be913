"""A real Triton on free loopback ports, with its own model repository, for tests."""

import asyncio
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from publisher.repository import copy_bundle
from publisher.serving import load_models
from retrieval.bundle import Bundle
from retrieval.domain import Deadline
from retrieval.triton import ModelRepository

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-triton" / "bin" / "python"
SERVE = ROOT / "deploy" / "triton_cpu" / "serve.py"
_START_S = 120.0  # on a busy machine; a start that fails is noticed at once


class TritonServer:
    """One server; its ports stay the same over `kill` and `start`.

    Args:
        folder: an empty folder for its repository, runtime files and log.
        admin_key: closes the repository API to callers without this key.
    """

    def __init__(self, folder: Path, *, admin_key: str = "") -> None:
        self.repository = folder / "models"
        self.repository.mkdir(parents=True, exist_ok=True)
        self._runtime = folder / "runtime"
        self._log = folder / "triton.log"
        self._admin_key = admin_key
        self._ports = free_ports(3)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port`` of the gRPC API."""
        return f"127.0.0.1:{self._ports[1]}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def _metrics_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[2]}/metrics"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, load: bool = True) -> None:
        """Start and wait until it is ready; ``load`` loads all that is in the repository."""
        assert PYTHON.exists(), "run `make setup-triton` first"
        http, grpc, metrics = self._ports
        command = [
            str(PYTHON), str(SERVE),
            f"--model-repository={self.repository}", f"--runtime-dir={self._runtime}",
            f"--http-port={http}", f"--grpc-port={grpc}", f"--metrics-port={metrics}",
        ]  # fmt: skip
        if load and any(self.repository.iterdir()):
            command.append("--load-model=*")
        environment = {"PATH": "/usr/bin:/bin", "TRITON_ADMIN_KEY": self._admin_key}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment
            )
        deadline = time.monotonic() + _START_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"Triton did not start:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> int:
        """Ask it to end, as a supervisor does, and return its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it without notice."""
        return self._end(signal.SIGKILL)

    def copy(self, bundle_dir: Path) -> Bundle:
        """Put a bundle into the repository before `start`."""
        return copy_bundle(bundle_dir, self.repository).bundle

    def publish(self, bundle_dir: Path) -> Bundle:
        """Put a bundle into the repository of the running server and have it loaded."""
        published = copy_bundle(bundle_dir, self.repository)
        asyncio.run(load_models(published, self.address, timeout_s=30, key=self._admin_key))
        return published.bundle

    def publish_untried(self, bundle_dir: Path) -> Bundle:
        """The same without the publisher's trial, for bundles that would not pass it."""
        published = copy_bundle(bundle_dir, self.repository)

        async def load() -> None:
            triton = ModelRepository(self.address, key=self._admin_key)
            for name in published.models:
                await triton.load(name, Deadline.after(30))
            await triton.close()

        asyncio.run(load())
        return published.bundle

    def metric(self, name: str, model: str, **labels: str) -> float:
        """The value of a metric for one model; 0 where it was never counted."""
        with urllib.request.urlopen(self._metrics_url) as answer:
            lines = answer.read().decode().splitlines()
        wanted = [f'model="{model}"', *(f'{key}="{value}"' for key, value in labels.items())]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith(f"{name}{{") and all(label in line for label in wanted)
        )

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _is_ready(self) -> bool:
        # Triton opens its ports one after the other: gRPC, HTTP, metrics.
        pages = (f"{self.http_url}/v2/health/ready", self._metrics_url)
        try:
            for page in pages:
                urllib.request.urlopen(page, timeout=1).close()
            return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._process = None


@contextmanager
def triton_serving(folder: Path, *bundle_dirs: Path, admin_key: str = "") -> Iterator[TritonServer]:
    """A server that has loaded these bundles; ended when the block ends."""
    server = TritonServer(folder, admin_key=admin_key)
    for bundle_dir in bundle_dirs:
        server.copy(bundle_dir)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
