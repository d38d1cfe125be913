"""One of each call of the API, on either edge."""

from collections.abc import Awaitable, Mapping
from typing import Any, Final

from recompose.v1 import catalog_pb2, product_pb2, search_pb2
from tests.support.edges import Edges

RestCall = tuple[str, str, dict[str, Any]]
"""HTTP method, path, and what else httpx is given."""
Metadata = tuple[tuple[str, str], ...]
METHODS: Final = (
    "Search",
    "ListProducts",
    "GetProduct",
    "UpdateProduct",
    "DeleteProduct",
    "GetFacets",
    "GetProductImage",
    "ImportProducts",
)


def rest_calls(catalog: str = "default") -> Mapping[str, RestCall]:
    """Name of the call -> the request; there is no import over REST."""
    query = {"params": {"catalog": catalog}}
    return {
        "Search": ("POST", "/v1/products:search", {"json": {"modification": "x"} | _of(catalog)}),
        "ListProducts": ("GET", "/v1/products", query),
        "GetProduct": ("GET", "/v1/products/p", query),
        "UpdateProduct": ("PUT", "/v1/products/p", {"json": {"title": "x"} | _of(catalog)}),
        "DeleteProduct": ("DELETE", "/v1/products/p", query),
        "GetFacets": ("GET", "/v1/products:facets", query),
        "GetProductImage": ("GET", "/v1/products/p/image", query),
    }


def grpc_calls(
    edges: Edges, catalog: str = "default", metadata: Metadata = ()
) -> Mapping[str, Awaitable[Any]]:
    """Name of the call -> the call, begun; pictures are served over REST alone."""
    names = (name for name in METHODS if name != "GetProductImage")
    return {name: grpc_call(edges, name, catalog, metadata) for name in names}


def grpc_call(
    edges: Edges, name: str, catalog: str = "default", metadata: Metadata = ()
) -> Awaitable[Any]:
    """One of them, begun."""
    product = product_pb2.Product(id="p")
    messages: dict[str, Any] = {
        "Search": search_pb2.SearchRequest(modification="x", catalog=catalog),
        "ListProducts": catalog_pb2.ListProductsRequest(catalog=catalog),
        "GetProduct": catalog_pb2.GetProductRequest(id="p", catalog=catalog),
        "UpdateProduct": catalog_pb2.UpdateProductRequest(product=product, catalog=catalog),
        "DeleteProduct": catalog_pb2.DeleteProductRequest(id="p", catalog=catalog),
        "GetFacets": catalog_pb2.GetFacetsRequest(catalog=catalog),
        "ImportProducts": iter(
            [catalog_pb2.ImportProductsRequest(catalog=catalog, product=product)]
        ),
    }
    stub = edges.search if name == "Search" else edges.catalog
    call: Awaitable[Any] = getattr(stub, name)(messages[name], metadata=metadata)
    return call


def _of(catalog: str) -> dict[str, str]:
    return {} if catalog == "default" else {"catalog": catalog}
