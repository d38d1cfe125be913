"""A CatalogService over a real gRPC server, whose answers a test scripts.

The indexer is a client of the wire alone, so what stands in for the gateway is a server that
really answers gRPC, and holds its products in a dict.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from google.protobuf import empty_pb2

from recompose.v1 import catalog_pb2, catalog_pb2_grpc, product_pb2


@dataclass
class Script:
    """What the fake does, and what it saw. Change it between runs, or while one is under way."""

    refuse_next: list[grpc.StatusCode] = field(default_factory=list)
    """Codes that the next import calls fail with, in order."""
    refused_ids: set[str] = field(default_factory=set)
    """Products that fail, with reason IMAGE_CORRUPT."""
    pause_s: float = 0.0
    """How long an import call takes."""
    cut_results: bool = False
    """Answer with one result too few."""
    products: dict[str, catalog_pb2.ImportProductsRequest] = field(default_factory=dict)
    """By id: what is stored."""
    batches: list[list[str]] = field(default_factory=list)
    """The ids of each import call that was answered."""
    writes: dict[str, int] = field(default_factory=dict)
    """By id: how often it was stored."""
    deleted: list[str] = field(default_factory=list)
    calls: int = 0
    address: str = ""


class _Servicer(catalog_pb2_grpc.CatalogServiceServicer):
    def __init__(self, script: Script) -> None:
        self._script = script

    async def ImportProducts(  # noqa: N802
        self,
        request_iterator: AsyncIterator[catalog_pb2.ImportProductsRequest],
        context: grpc.aio.ServicerContext[
            catalog_pb2.ImportProductsRequest, catalog_pb2.ImportProductsResponse
        ],
    ) -> catalog_pb2.ImportProductsResponse:
        script = self._script
        requests = [request async for request in request_iterator]
        script.calls += 1
        if script.refuse_next:
            await context.abort(script.refuse_next.pop(0), "as scripted")
        response = catalog_pb2.ImportProductsResponse()
        for request in requests:
            response.results.append(self._store(request))
        # The answer comes after the write: a caller that dies in between sends the batch again.
        await asyncio.sleep(script.pause_s)
        script.batches.append([request.product.id for request in requests])
        if script.cut_results:
            del response.results[-1]
        return response

    def _store(self, request: catalog_pb2.ImportProductsRequest) -> catalog_pb2.ImportResult:
        script, product_id = self._script, request.product.id
        if product_id in script.refused_ids:
            return catalog_pb2.ImportResult(
                product_id=product_id,
                outcome=catalog_pb2.IMPORT_OUTCOME_FAILED,
                reason="IMAGE_CORRUPT",
                message="The image is damaged.",
            )
        outcome = catalog_pb2.IMPORT_OUTCOME_UNCHANGED
        if script.products.get(product_id) != request:
            outcome = catalog_pb2.IMPORT_OUTCOME_IMPORTED
            script.products[product_id] = request
            script.writes[product_id] = script.writes.get(product_id, 0) + 1
        return catalog_pb2.ImportResult(product_id=product_id, outcome=outcome)

    async def GetProduct(  # noqa: N802
        self,
        request: catalog_pb2.GetProductRequest,
        context: grpc.aio.ServicerContext[catalog_pb2.GetProductRequest, product_pb2.Product],
    ) -> product_pb2.Product:
        if request.id not in self._script.products:
            await context.abort(grpc.StatusCode.NOT_FOUND, "as scripted")
        return self._product(request.id)

    async def ListProducts(  # noqa: N802
        self,
        request: catalog_pb2.ListProductsRequest,
        context: grpc.aio.ServicerContext[
            catalog_pb2.ListProductsRequest, catalog_pb2.ListProductsResponse
        ],
    ) -> catalog_pb2.ListProductsResponse:
        ids = sorted(one for one in self._script.products if one > request.page_token)
        page = ids[: request.page_size]
        return catalog_pb2.ListProductsResponse(
            products=[self._product(product_id) for product_id in page],
            next_page_token=page[-1] if len(ids) > len(page) else "",
        )

    async def DeleteProduct(  # noqa: N802
        self,
        request: catalog_pb2.DeleteProductRequest,
        context: grpc.aio.ServicerContext[catalog_pb2.DeleteProductRequest, empty_pb2.Empty],
    ) -> empty_pb2.Empty:
        script = self._script
        await asyncio.sleep(script.pause_s)
        if script.products.pop(request.id, None) is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "as scripted")
        script.deleted.append(request.id)
        return empty_pb2.Empty()

    def _product(self, product_id: str) -> product_pb2.Product:
        product = product_pb2.Product(id=product_id)
        # Each write has a time of its own.
        product.update_time.seconds = self._script.writes.get(product_id, 0)
        return product


@contextmanager
def fake_gateway(port: int = 0) -> Iterator[Script]:
    """Serve on 127.0.0.1 from a thread of its own until the block ends."""
    script = Script()
    loop = asyncio.new_event_loop()
    started = threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", 12 << 20), ("grpc.so_reuseport", 0)]
        )
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(
            _Servicer(script),  # type: ignore[abstract]  # the other calls answer UNIMPLEMENTED
            server,
        )
        script.address = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
        await server.start()
        started.set()
        await stop.wait()
        await server.stop(grace=None)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    if not started.wait(timeout=10):
        raise RuntimeError("the fake gateway did not start")
    try:
        yield script
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)
        loop.close()
