"""A gateway process on the real Triton, index and Redis, with a way to each that can go bad."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import grpc
import httpx

from recompose.v1 import catalog_pb2, catalog_pb2_grpc, product_pb2, search_pb2, search_pb2_grpc
from tests.support.edges import grpc_refusal, rest_refusal
from tests.support.fault_proxy import FaultProxy
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory
from tests.support.redis import RedisServer
from tests.support.triton import TritonServer, free_ports, triton_serving
from tests.support.two_bundles import drawn_picture, write_servable_bundle

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 60
PRODUCTS: Final = 5
_TRIES: Final = 3


@dataclass
class FaultyShop:
    """A running gateway that serves a few products, its parts, and clients of both edges."""

    gateway: "subprocess.Popen[bytes]"
    triton: FaultProxy
    qdrant: FaultProxy
    redis: FaultProxy
    index: QdrantProcess
    rest: httpx.AsyncClient
    search: Any
    catalog: Any
    _numbers: Any = field(default_factory=count)

    def new_words(self) -> str:
        """A wish that was never asked before, so that no cache has it."""
        return f"a red coat with {next(self._numbers)}"

    async def ask(self, words: str = "", **headers: str) -> httpx.Response:
        """One search over REST; a new one unless it says what."""
        body = {"modification": words or self.new_words(), "page_size": PRODUCTS}
        return await self.rest.post("/v1/products:search", json=body, headers=headers)

    async def call(self, words: str = "", timeout: float | None = None) -> Any:
        """The same over gRPC."""
        request = search_pb2.SearchRequest(modification=words or self.new_words(), page_size=5)
        return await self.search.Search(request, timeout=timeout)

    async def fails(self, http: int, status: str, reason: str, *, opens: bool = False) -> float:
        """Search on both edges: each must fail so. Returns the seconds of the quickest of some.

        The machine may be busy with something else, which is no fault of the gateway's: what runs
        out of time elsewhere is asked again, some times. With ``opens`` a breaker may refuse after
        the first of them.
        """
        seconds: list[float] = []
        for _ in range(4 * _TRIES):
            began_s = time.monotonic()
            answer = await self.ask()
            between_s = time.monotonic()
            called = await grpc_refusal(self.call())
            refusal = rest_refusal(answer)
            told = {(refusal.status, refusal.reason), (called.status, called.reason)}
            if told == {(status, reason)}:
                assert answer.status_code == http
                seconds += [between_s - began_s, time.monotonic() - between_s]
                if len(seconds) == 2 * _TRIES:
                    return min(seconds)
                continue
            statuses = {one for one, _ in told}
            if opens and "UNAVAILABLE" in statuses:
                if seconds:
                    return min(seconds)
                continue
            assert statuses <= {status, "DEADLINE_EXCEEDED"}, told
        raise AssertionError("most searches ran out of time elsewhere")

    async def answers(self, words: str = "") -> float:
        """Search on both edges: both find the products. Returns as `fails`.

        Some tries more are allowed: on a busy machine a part that is whole may be late, too.
        """
        seconds = []
        for _ in range(4 * _TRIES):
            began_s = time.monotonic()
            answer = await self.ask(words)
            between_s = time.monotonic()
            try:
                hits = (await self.call(words)).hits
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise
                continue
            if answer.status_code == 504:
                continue
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["hits"]) == len(hits) == PRODUCTS
            seconds += [between_s - began_s, time.monotonic() - between_s]
            if len(seconds) == 2 * _TRIES:
                return min(seconds)
        raise AssertionError("most searches ran out of time")

    async def recovers(self) -> None:
        """Wait until it is ready, both edges answer what they were never asked before, and Redis
        is used for it."""
        await self.ready()
        end_s = time.monotonic() + PATIENCE_S
        before = await self.counted("redis", "ok")
        while True:
            try:
                answer = await self.ask()
                assert answer.status_code == 200, answer.text
                await self.call()
                assert await self.counted("redis", "ok") > before
                return
            except (AssertionError, grpc.aio.AioRpcError):
                if time.monotonic() > end_s:
                    raise
                await asyncio.sleep(0.05)

    async def ready(self) -> None:
        """Wait until it says that it is ready."""
        await self._says("", 200)

    async def unready(self, reason: str = "") -> None:
        """Wait until it says that it is not ready, with these words among its reason."""
        await self._says(reason, 503)

    async def _says(self, reason: str, status: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.rest.get("/readyz")
                if answer.status_code == status and reason in answer.json()["reason"]:
                    return
                await asyncio.sleep(0.05)

    async def counted(self, dependency: str, outcome: str) -> float:
        """Calls of a dependency that ended so, by the gateway's own metric."""
        labels = f'{{dependency="{dependency}",outcome="{outcome}"}}'
        return await self.metric(f"recompose_dependency_calls_total{labels}")

    async def metric(self, name: str) -> float:
        """A metric of the gateway, with its labels; 0 where it was never told."""
        for line in (await self.rest.get("/metrics")).text.splitlines():
            if line.startswith(name):
                return float(line.rsplit(" ", 1)[1])
        return 0.0


@asynccontextmanager
async def faulty_shop(folder: Path, **settings: str) -> AsyncIterator[FaultyShop]:
    """A shop for the length of the block; the servers' blocking starts are done in threads."""
    with ExitStack() as servers:
        bundle_dir = write_servable_bundle(folder / "bundle", seed=1)
        triton: TritonServer = await asyncio.to_thread(
            servers.enter_context, triton_serving(folder / "triton", bundle_dir)
        )
        index = await asyncio.to_thread(servers.enter_context, server_in_memory())
        redis = RedisServer()
        redis.start()
        servers.callback(redis.kill)
        async with AsyncExitStack() as ways:
            to_triton, to_qdrant, to_redis = [
                await ways.enter_async_context(FaultProxy(port).relaying())
                for port in (int(triton.address.rsplit(":", 1)[1]), index.port, redis.port)
            ]
            http, grpc_port = free_ports(2)
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT / "services"),
                "HTTP_PORT": str(http),
                "GRPC_PORT": str(grpc_port),
                "TRITON_URL": to_triton.address,
                "QDRANT_URL": f"http://{to_qdrant.address}",
                "REDIS_URL": f"redis://{to_redis.address}",
                "BUNDLE_DIR": str(bundle_dir),
                "DATA_DIR": str(folder / "data"),
                "DRAIN_GRACE_S": "0",
                **settings,
            }
            gateway = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs yet
                [sys.executable, "-m", "gateway"], env=environment
            )
            servers.callback(gateway.wait)
            servers.callback(gateway.kill)
            rest = await ways.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{http}", timeout=PATIENCE_S, verify=False
                )
            )
            channel = await ways.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}")
            )
            shop = FaultyShop(
                gateway,
                to_triton,
                to_qdrant,
                to_redis,
                index,
                rest,
                search_pb2_grpc.SearchServiceStub(channel),
                catalog_pb2_grpc.CatalogServiceStub(channel),
            )
            await _open(shop)
            yield shop


async def _open(shop: FaultyShop) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            await shop.rest.get("/healthz")
            break
        except httpx.TransportError:
            assert shop.gateway.poll() is None
            assert time.monotonic() < end_s
            await asyncio.sleep(0.1)
    await shop.ready()
    writes = [
        catalog_pb2.ImportProductsRequest(
            product=product_pb2.Product(id=f"p{number}", title="a red coat"),
            image=product_pb2.Image(content=drawn_picture(number)),
        )
        for number in range(PRODUCTS)
    ]
    await shop.catalog.ImportProducts(iter(writes), timeout=PATIENCE_S)
    await shop.recovers()
