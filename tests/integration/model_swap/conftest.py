"""Triton, an index, Redis and two replicas of the gateway; two bundles, of which one is served."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import httpx
import pytest

from recompose.v1 import catalog_pb2, catalog_pb2_grpc, product_pb2
from retrieval.bundle import load_bundle
from tests.support import plain_http
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory
from tests.support.redis import RedisServer
from tests.support.triton import TritonServer, free_ports, triton_serving
from tests.support.two_bundles import drawn_picture, write_servable_bundle

ROOT = Path(__file__).resolve().parents[3]
SOON_S = 300
TRAINED_AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
"""Of the new model; the old one does not say."""
# The command, with hardly a wait for late writers: for where nobody writes around a move.
_UNWRITTEN = """
import runpy
from gateway.model_swap import change
change.SETTLE_S = 1.0
runpy.run_module("gateway", run_name="__main__", alter_sys=True)
"""


@dataclass
class World:
    """Servers, bundles, and the settings that gateways and commands share."""

    folder: Path
    qdrant: QdrantProcess
    triton: TritonServer
    old_dir: Path
    new_dir: Path
    environment: dict[str, str]

    @property
    def old(self) -> str:
        return load_bundle(self.old_dir).short_digest

    @property
    def new(self) -> str:
        return load_bundle(self.new_dir).short_digest

    def model(
        self, *arguments: str, unwritten: bool = False, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a step to its end; ``unwritten`` where nobody writes around a move."""
        return subprocess.run(
            [
                *(sys.executable, *(("-c", _UNWRITTEN) if unwritten else ("-m", "gateway"))),
                *("model", *arguments),
            ],
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=SOON_S,
            check=False,
        )

    def publish_new(self) -> str:
        """Publish the new bundle; returns what was said."""
        here = ("--repository", str(self.triton.repository))
        done = self.model("publish", str(self.new_dir), *here)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def begin(self, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
        """Begin a step."""
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", "model", *arguments],
            env=self.environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@dataclass
class Replica:
    """A gateway process."""

    http: str
    grpc: str

    def serves(self, model: str) -> bool:
        """Whether the model is the one that its searches are answered by."""
        return (
            f'recompose_model_info{{digest="{model}"' in plain_http.get(f"{self.http}/metrics").text
        )

    def write(self, *writes: tuple[str, int]) -> list[int]:
        """Import products, each with the picture of a number; returns their outcomes."""
        products = [
            catalog_pb2.ImportProductsRequest(
                product=product_pb2.Product(id=name, title=f"a red coat {name}"),
                image=product_pb2.Image(content=drawn_picture(number)),
            )
            for name, number in writes
        ]
        with grpc.insecure_channel(self.grpc) as channel:
            stub = catalog_pb2_grpc.CatalogServiceStub(channel)
            answer = stub.ImportProducts(iter(products), timeout=SOON_S)
        return [result.outcome for result in answer.results]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        old_dir = write_servable_bundle(tmp_path / "old", seed=1, reranker=1)
        new_dir = write_servable_bundle(tmp_path / "new", seed=2, trained_at=TRAINED_AT, reranker=2)
        qdrant = stack.enter_context(server_in_memory())
        triton = stack.enter_context(triton_serving(tmp_path / "triton", old_dir))
        redis = RedisServer()
        redis.start()
        stack.callback(redis.kill)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "services"),
            "TRITON_URL": triton.address,
            "QDRANT_URL": qdrant.url,
            "REDIS_URL": redis.url,
            "BUNDLE_DIR": str(old_dir),
            "DATA_DIR": str(tmp_path / "data"),
            "MODEL_REFRESH_S": "0.2",
            "AUDIT_SAMPLE": "10",
            "AUDIT_QUIET_S": "3600",
            # A slow machine is not what is tested.
            "SEARCH_BUDGET_S": "60",
            "TRITON_BUDGET_S": "20",
            "QDRANT_BUDGET_S": "20",
            "IMAGE_STORE_BUDGET_S": "20",
            "REDIS_BUDGET_S": "5",
        }
        yield World(tmp_path, qdrant, triton, old_dir, new_dir, environment)


@contextmanager
def replica(world: World, **settings: str) -> Iterator[Replica]:
    """A gateway that is ready; ended with the block."""
    http, grpc_port = free_ports(2)
    ports = {"HTTP_PORT": str(http), "GRPC_PORT": str(grpc_port)}
    with (world.folder / f"gateway-{http}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway"],
            env=world.environment | ports | settings,
            stdout=log,
            stderr=log,
        )
    try:
        found = Replica(f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc_port}")
        until(lambda: answers(f"{found.http}/readyz"))
        yield found
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    try:
        return plain_http.get(url, timeout=SOON_S).is_success
    except httpx.TransportError:
        return False


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come."""
    end = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
