"""A real qdrant_edge_server process for a test, on a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qdrant_client import AsyncQdrantClient, QdrantClient

_SERVICES = Path(__file__).resolve().parents[2] / "services"
_STOP_TIMEOUT_S = 10
_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED_BYTES = 2**30


class QdrantProcess:
    """A server process over `data_dir`; started once its line `listening on` is read."""

    def __init__(
        self, data_dir: Path, port: int = 0, *options: str, code: str | None = None
    ) -> None:
        """Start the process, with further `options`, and wait until it answers.

        Args:
            code: Python to run instead of the module.

        Raises:
            RuntimeError: it ended instead; the message holds what it said.
        """
        self.data_dir = data_dir
        self._log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in `close`
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [
                sys.executable,
                *(("-c", code) if code else ("-m", "qdrant_edge_server")),
                *("--data-dir", str(data_dir), "--port", str(port), *options),
            ],
            env={**os.environ, "PYTHONPATH": str(_SERVICES)},
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.process.wait()
            raise RuntimeError(f"qdrant_edge_server did not start: {self.log()}")
        self.host = "127.0.0.1"
        self.port = int(line.rsplit(":", 1)[1])

    def metrics_port(self) -> int:
        """The port it tells next, where it was started with `--metrics-port 0`; ask once."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline().rsplit(":", 1)[1])

    @property
    def url(self) -> str:
        """The gRPC address as QDRANT_URL names it."""
        return f"http://{self.host}:{self.port}"

    def client(self, timeout_s: int = 10) -> QdrantClient:
        """A client over gRPC, which makes no REST call."""
        return QdrantClient(
            host=self.host,
            grpc_port=self.port,
            prefer_grpc=True,
            check_compatibility=False,
            timeout=timeout_s,
        )

    def async_client(self, timeout_s: int = 10) -> AsyncQdrantClient:
        """As `client`, for asyncio."""
        return connected(self.port, timeout_s)

    def log(self) -> str:
        """What the process wrote to stderr so far."""
        self._log.seek(0)
        return self._log.read()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self._reap()

    def kill(self) -> None:
        """SIGKILL: no flush, no close."""
        self.process.kill()
        self._reap()

    def _reap(self) -> int:
        code = self.process.wait(_STOP_TIMEOUT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def close(self) -> None:
        """End the process if it still runs, and let the log go."""
        if self.process.poll() is None:
            self.kill()
        self._log.close()


def connected(port: int, timeout_s: int = 10) -> AsyncQdrantClient:
    """A client for asyncio of the server on a port of this machine."""
    return AsyncQdrantClient(
        host="127.0.0.1",
        grpc_port=port,
        prefer_grpc=True,
        check_compatibility=False,
        timeout=timeout_s,
    )


@contextmanager
def running_qdrant(
    data_dir: Path | None = None, port: int = 0, *options: str, code: str | None = None
) -> Iterator[QdrantProcess]:
    """A server for the length of the block, over `data_dir` or a temporary folder.

    The temporary folder is in memory where there is room: the server syncs every write, and
    other users of the disk would set the pace of the tests.
    """
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as temporary:
        server = QdrantProcess(data_dir or Path(temporary), port, *options, code=code)
        try:
            yield server
        finally:
            server.close()


def _memory_folder() -> Path | None:
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _MEMORY_NEEDED_BYTES:
        return None
    return _MEMORY
