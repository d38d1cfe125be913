"""A whole stack as `make up` starts it, on free ports and with data of its own."""

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

from recompose.v1 import catalog_pb2_grpc, search_pb2_grpc
from tests.support.triton import free_ports

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 600


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


@contextmanager
def running_stack(folder: Path, **environment: str) -> Iterator[Stack]:
    """Start a stack, wait until it is ready, and end it afterwards.

    Raises RuntimeError with the stack's own last words when it does not get ready.
    """
    http_port, grpc_port = free_ports(2)
    log_path = folder / "stack.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local", "up"],
            cwd=ROOT,
            env={
                **os.environ,
                "HTTP_PORT": str(http_port),
                "GRPC_PORT": str(grpc_port),
                "DATA_DIR": str(folder / "data"),
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"127.0.0.1:{grpc_port}"
    try:
        with (
            httpx.Client(base_url=f"http://127.0.0.1:{http_port}", timeout=30) as rest,
            grpc.insecure_channel(address) as channel,
        ):
            _wait_until_ready(process, rest, log_path)
            yield Stack(
                process=process,
                data_dir=folder / "data",
                http_port=http_port,
                grpc_port=grpc_port,
                log_path=log_path,
                rest=rest,
                search=search_pb2_grpc.SearchServiceStub(channel),
                catalog=catalog_pb2_grpc.CatalogServiceStub(channel),
            )
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
