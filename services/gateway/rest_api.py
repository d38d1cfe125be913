"""The REST edge: a FastAPI application over the core, built by a function, served by the caller."""

from functools import cache

from fastapi import FastAPI

from gateway.edge_parts import EdgeParts
from gateway.rest_body import BodyLimits, BodyReader
from gateway.rest_catalog_api import CatalogApi
from gateway.rest_errors import install_handlers
from gateway.rest_middleware import RestEdge
from gateway.rest_openapi import build_document
from gateway.rest_operations import OPERATIONS
from gateway.rest_operations_api import OperationsApi
from gateway.rest_search_api import SearchApi
from gateway.storefront import Storefront


def build_rest_app(
    parts: EdgeParts, limits: BodyLimits | None = None, storefront: Storefront | None = None
) -> FastAPI:
    """The application, with the documentation at ``/docs`` and the storefront, if any, at ``/``."""
    app = FastAPI(
        openapi_url="/openapi.json", docs_url=None, redoc_url=None, redirect_slashes=False
    )
    bodies = BodyReader(limits or BodyLimits(), parts.buffered)
    search, catalog = SearchApi(parts, bodies), CatalogApi(parts, bodies)
    operations = OperationsApi(parts)
    endpoints = {
        "Search": search.search,
        "ListProducts": catalog.list,
        "GetFacets": catalog.facets,
        "GetProduct": catalog.get,
        "UpdateProduct": catalog.put,
        "DeleteProduct": catalog.delete,
        "GetProductImage": catalog.image,
        "Health": operations.healthz,
        "Readiness": operations.readyz,
        "Metrics": operations.metrics,
    }
    for name, operation in OPERATIONS.items():
        operation.route(app, name, endpoints[name])
    app.add_api_route(
        "/v1/products/{rest:path}",
        catalog.no_such_id,
        methods=["GET", "PUT", "DELETE"],
        name="NoSuchId",
        include_in_schema=False,
    )
    operations.add_to(app)
    if storefront is not None:
        storefront.add_to(app)
    app.openapi = cache(lambda: build_document(OPERATIONS))  # type: ignore[method-assign]
    install_handlers(app)
    app.add_middleware(RestEdge, parts=parts)
    return app
