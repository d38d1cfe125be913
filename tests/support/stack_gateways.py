"""More gateways beside the one of a stack, sharing its Triton, Qdrant and Redis."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.benchmarks.load.watch import listener
from tests.support import plain_http
from tests.support.stack import ROOT, Stack
from tests.support.triton import free_ports

_READY_WITHIN_S = 120
_GATEWAY = ("-m", "gateway")


@dataclass(frozen=True)
class Gateway:
    """A running one; addresses are HOST:PORT."""

    process: subprocess.Popen[bytes]
    rest: str
    grpc: str
    log_path: Path


@contextmanager
def gateways_beside(
    stack: Stack,
    *folders: Path,
    command: Sequence[str] = _GATEWAY,
    at: Gateway | None = None,
    **settings: object,
) -> Iterator[list[Gateway]]:
    """Gateways with the settings of the stack's own, but for ports and ``settings``; ready when
    the block begins, and ended with it.

    Args:
        stack: whose parts they use.
        folders: one for each gateway, for its log; they start at the same time.
        command: arguments of Python's.
        at: one that is gone, whose ports the only one takes.
    """
    own = psutil.Process(listener(stack.http_port)).environ()
    chosen = {name: str(value) for name, value in settings.items()}
    with ExitStack() as started:
        gateways = [
            started.enter_context(_started(folder, command, own | chosen, at)) for folder in folders
        ]
        for gateway in gateways:
            _wait_until_ready(gateway)
        yield gateways


@contextmanager
def _started(
    folder: Path, command: Sequence[str], environment: Mapping[str, str], at: Gateway | None
) -> Iterator[Gateway]:
    http, grpc = (port_of(at.rest), port_of(at.grpc)) if at else free_ports(2)
    paths = os.pathsep.join([str(ROOT / "services"), str(ROOT)])
    ports = {"HTTP_PORT": str(http), "GRPC_PORT": str(grpc)}
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / "gateway.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**environment, **ports, "PYTHONPATH": paths},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Gateway(process, f"127.0.0.1:{http}", f"127.0.0.1:{grpc}", log_path)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def port_of(address: str) -> int:
    """Of HOST:PORT."""
    return int(address.rpartition(":")[2])


def is_ready(gateway: Gateway) -> bool:
    """What it says of itself; False also where nobody answers."""
    try:
        return plain_http.get(f"http://{gateway.rest}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _wait_until_ready(gateway: Gateway) -> None:
    end = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < end and gateway.process.poll() is None:
        if is_ready(gateway):
            return
        time.sleep(0.1)
    tail = gateway.log_path.read_text(errors="replace")[-3000:]
    raise AssertionError(f"the gateway did not get ready; its last words:\n{tail}")
