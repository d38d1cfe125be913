"""A gateway process that makes traces, between real parts whose calls can be looked at."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx

from recompose.v1 import catalog_pb2, catalog_pb2_grpc, product_pb2, search_pb2_grpc
from tests.support import plain_http
from tests.support.collector import Collector, collecting
from tests.support.grpc_tap import Tap, tapped
from tests.support.qdrant_index import server_in_memory
from tests.support.redis import RedisServer
from tests.support.triton import free_ports, triton_serving
from tests.support.two_bundles import drawn_picture, write_servable_bundle

ROOT = Path(__file__).resolve().parents[2]
_START_S = 120.0
_STOP_S = 30.0


@dataclass
class GatewayProcess:
    """A gateway, its addresses and its log."""

    process: "subprocess.Popen[bytes]"
    http: str
    grpc: str
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's lines about an event."""
        lines = (line for line in self.log.splitlines() if line.startswith("{"))
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def stop(self) -> float:
        """SIGTERM; returns the seconds until it had ended well."""
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(_STOP_S) == 0, self.log
        return time.monotonic() - began_s


@contextmanager
def gateway_process(folder: Path, page: str, **settings: str) -> Iterator[GatewayProcess]:
    """A gateway once it answers ``page`` with success; ended with the block."""
    http, grpc_port = free_ports(2)
    ports = {"HTTP_PORT": str(http), "GRPC_PORT": str(grpc_port), "DRAIN_GRACE_S": "0.1"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services"), **ports, **settings}
    log_path = folder / f"gateway-{http}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway"], env=environment, stdout=log, stderr=log
        )
    found = GatewayProcess(process, f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc_port}", log_path)
    try:
        end = time.monotonic() + _START_S
        while not _answers(found.http + page):
            assert process.poll() is None, found.log
            assert time.monotonic() < end, found.log
            time.sleep(0.05)
        yield found
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return plain_http.get(url).is_success
    except httpx.TransportError:
        return False


@dataclass
class TracedGateway:
    """The gateway, clients of both edges, and what stands around it."""

    gateway: GatewayProcess
    collector: Collector
    triton: Tap
    qdrant: Tap
    redis: RedisServer
    rest: httpx.Client
    search: search_pb2_grpc.SearchServiceStub
    catalog: catalog_pb2_grpc.CatalogServiceStub
    channel: grpc.Channel
    products: list[str] = field(default_factory=list)

    def add(self, number: int, title: str, **attributes: str) -> str:
        """Import a product with a picture of its own; returns its id."""
        product = product_pb2.Product(id=f"p{number}", title=title)
        product.attributes.update(attributes)
        message = catalog_pb2.ImportProductsRequest(
            product=product, image=product_pb2.Image(content=drawn_picture(number))
        )
        answer = self.catalog.ImportProducts(iter([message]), timeout=_START_S)
        assert [result.reason for result in answer.results] == [""], answer
        return product.id


@contextmanager
def traced_gateway(folder: Path) -> Iterator[TracedGateway]:
    """Triton, an index and Redis, all real, and a gateway whose spans come at once."""
    with ExitStack() as stack:
        bundle_dir = write_servable_bundle(folder / "bundle", seed=1)
        index = stack.enter_context(server_in_memory())
        server = stack.enter_context(triton_serving(folder / "triton", bundle_dir))
        redis = RedisServer()
        redis.start()
        stack.callback(redis.kill)
        triton = stack.enter_context(tapped(server.address))
        qdrant = stack.enter_context(tapped(f"{index.host}:{index.port}"))
        collector = stack.enter_context(collecting())
        gateway = stack.enter_context(
            gateway_process(
                folder,
                "/readyz",
                TRITON_URL=triton.address,
                QDRANT_URL=f"http://{qdrant.address}",
                REDIS_URL=redis.url,
                BUNDLE_DIR=str(bundle_dir),
                DATA_DIR=str(folder / "data"),
                AUDIT_QUIET_S="3600",
                OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
                OTEL_BSP_SCHEDULE_DELAY="20",
                OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
                # A slow machine is not what is tested.
                SEARCH_BUDGET_S="60",
                TRITON_BUDGET_S="20",
                QDRANT_BUDGET_S="20",
                IMAGE_STORE_BUDGET_S="20",
                REDIS_BUDGET_S="5",
            )
        )
        channel = stack.enter_context(grpc.insecure_channel(gateway.grpc))
        rest = stack.enter_context(httpx.Client(base_url=gateway.http, timeout=60, verify=False))
        yield TracedGateway(
            gateway,
            collector,
            triton,
            qdrant,
            redis,
            rest,
            search_pb2_grpc.SearchServiceStub(channel),
            catalog_pb2_grpc.CatalogServiceStub(channel),
            channel,
        )
