"""CatalogService over gRPC: wire to domain and back, nothing decided."""

from collections.abc import AsyncIterator
from typing import Any, Final

from google.protobuf import empty_pb2

from gateway.edge_parts import EdgeParts, within
from gateway.grpc_codec import (
    decode_catalog,
    decode_facets,
    decode_filter_of,
    decode_page_size,
    decode_view,
    decode_write,
)
from gateway.grpc_deadline import call_deadline
from gateway.grpc_encode import encode_facets, encode_import, encode_page, encode_product
from gateway.validation import MAX_IMPORT_PRODUCTS
from recompose.v1 import catalog_pb2, catalog_pb2_grpc, product_pb2
from retrieval.domain import DEFAULT_CATALOG, ProductWrite
from retrieval.errors import InvalidArgument, Reason, RequestTooLarge

MAX_IMPORT_BYTES: Final = 128 << 20
"""All messages of one import together: they are held in memory until the last one is read."""


class CatalogService(catalog_pb2_grpc.CatalogServiceServicer):
    """``recompose.v1.CatalogService``."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts
        self._core = parts.catalog

    async def ImportProducts(  # noqa: N802
        self, request_iterator: AsyncIterator[catalog_pb2.ImportProductsRequest], context: Any
    ) -> catalog_pb2.ImportProductsResponse:
        deadline = call_deadline(context, self._parts.budgets.import_s)
        with self._parts.admission.permit():
            catalog, writes = await within(deadline, lambda _: _read_writes(request_iterator))
            results = await within(
                deadline, lambda deadline: self._core.import_products(catalog, writes, deadline)
            )
        return encode_import(results)

    async def GetProduct(  # noqa: N802
        self, request: catalog_pb2.GetProductRequest, context: Any
    ) -> product_pb2.Product:
        deadline = call_deadline(context, self._parts.budgets.read_s)
        catalog = decode_catalog(request.catalog)
        with self._parts.admission.permit():
            product = await within(
                deadline, lambda deadline: self._core.get(catalog, request.id, deadline)
            )
        return encode_product(product)

    async def ListProducts(  # noqa: N802
        self, request: catalog_pb2.ListProductsRequest, context: Any
    ) -> catalog_pb2.ListProductsResponse:
        deadline = call_deadline(context, self._parts.budgets.read_s)
        view = decode_view(request.view)
        catalog, page_size = decode_catalog(request.catalog), decode_page_size(request)
        filter = decode_filter_of(request)
        with self._parts.admission.permit():
            page = await within(
                deadline,
                lambda deadline: self._core.list(
                    catalog, page_size, request.page_token, deadline, filter=filter
                ),
            )
        return encode_page(page, view)

    async def UpdateProduct(  # noqa: N802
        self, request: catalog_pb2.UpdateProductRequest, context: Any
    ) -> product_pb2.Product:
        deadline = call_deadline(context, self._parts.budgets.write_s)
        write = decode_write(request.product, request.image if request.HasField("image") else None)
        with self._parts.admission.permit():
            product, _ = await within(
                deadline,
                lambda deadline: self._core.update(
                    decode_catalog(request.catalog),
                    write,
                    allow_missing=request.allow_missing,
                    deadline=deadline,
                ),
            )
        return encode_product(product)

    async def DeleteProduct(  # noqa: N802
        self, request: catalog_pb2.DeleteProductRequest, context: Any
    ) -> empty_pb2.Empty:
        deadline = call_deadline(context, self._parts.budgets.write_s)
        catalog = decode_catalog(request.catalog)
        with self._parts.admission.permit():
            await within(
                deadline, lambda deadline: self._core.delete(catalog, request.id, deadline)
            )
        return empty_pb2.Empty()

    async def GetFacets(  # noqa: N802
        self, request: catalog_pb2.GetFacetsRequest, context: Any
    ) -> catalog_pb2.GetFacetsResponse:
        deadline = call_deadline(context, self._parts.budgets.read_s)
        question = decode_facets(request)
        with self._parts.admission.permit():
            facets = await within(deadline, lambda deadline: self._core.facets(question, deadline))
        return encode_facets(facets)


async def _read_writes(
    messages: AsyncIterator[catalog_pb2.ImportProductsRequest],
) -> tuple[str, list[ProductWrite]]:
    """The catalog (that of the first message) and the products of an import."""
    catalog, writes, size_bytes = DEFAULT_CATALOG, list[ProductWrite](), 0
    async for message in messages:
        if len(writes) == MAX_IMPORT_PRODUCTS:
            raise InvalidArgument(Reason.TOO_MANY_PRODUCTS)
        size_bytes += message.ByteSize()
        if size_bytes > MAX_IMPORT_BYTES:
            raise RequestTooLarge
        if not writes:
            catalog = decode_catalog(message.catalog)
        writes.append(
            decode_write(message.product, message.image if message.HasField("image") else None)
        )
    return catalog, writes
