"""A whole stack as `make up` starts it, on free ports and with data of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import psutil

from recompose.v1 import catalog_pb2_grpc, search_pb2_grpc
from tests.support.triton import free_ports

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 600
_NICENESS = 10


@dataclass(frozen=True)
class Stack:
    """Addresses of a running stack, and clients of both edges."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    http_port: int
    grpc_port: int
    log_path: Path
    rest: httpx.Client
    search: search_pb2_grpc.SearchServiceStub
    catalog: catalog_pb2_grpc.CatalogServiceStub

    @property
    def log(self) -> str:
        """Everything that the stack has printed so far."""
        return self.log_path.read_text(errors="replace")


class StartingStack:
    """A stack that was begun; other work goes on until it is waited for.

    Meanwhile it yields to that work: its processes run at a lower priority, as far as they are
    allowed to get the usual one back.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._log_path = folder / "stack.log"
        self._http_port, self._grpc_port = free_ports(2)
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                ["nice", "-n", str(_NICENESS), sys.executable, "-m", "deploy.local", "up"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "HTTP_PORT": str(self._http_port),
                    "GRPC_PORT": str(self._grpc_port),
                    "DATA_DIR": str(folder / "data"),
                    **environment,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @contextmanager
    def running(self) -> Iterator[Stack]:
        """Wait until it is ready, and end it with the block.

        Raises RuntimeError with the stack's own last words when it does not get ready.
        """
        address = f"127.0.0.1:{self._grpc_port}"
        try:
            with (
                httpx.Client(base_url=f"http://127.0.0.1:{self._http_port}", timeout=30) as rest,
                grpc.insecure_channel(address) as channel,
            ):
                self._hurry()
                _wait_until_ready(self._process, rest, self._log_path)
                self._hurry()
                yield Stack(
                    process=self._process,
                    data_dir=self._folder / "data",
                    http_port=self._http_port,
                    grpc_port=self._grpc_port,
                    log_path=self._log_path,
                    rest=rest,
                    search=search_pb2_grpc.SearchServiceStub(channel),
                    catalog=catalog_pb2_grpc.CatalogServiceStub(channel),
                )
        finally:
            self.end()

    def end(self) -> None:
        """End it, ready or not; once is enough."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _hurry(self) -> None:
        """Give all its processes and threads the priority of this one, where that is allowed."""
        usual = os.getpriority(os.PRIO_PROCESS, 0)
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = psutil.Process(self._process.pid)
            for each in (supervisor, *supervisor.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    for thread in each.threads():
                        with contextlib.suppress(ProcessLookupError, PermissionError):
                            os.setpriority(os.PRIO_PROCESS, thread.id, usual)


def _wait_until_ready(process: subprocess.Popen[bytes], rest: httpx.Client, log_path: Path) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if rest.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    tail = log_path.read_text(errors="replace")[-4000:]
    raise RuntimeError(f"the stack did not get ready; its last words:\n{tail}")
