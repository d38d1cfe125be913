"""The REST edge: a FastAPI application over the core, built by a function, served by the caller."""

from collections.abc import Sequence
from functools import cache

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from gateway.access.rest_door import guarded
from gateway.edge_parts import EdgeParts
from gateway.rest_body import BodyLimits, BodyReader
from gateway.rest_catalog_api import CatalogApi
from gateway.rest_middleware import edge_app
from gateway.rest_openapi import build_document
from gateway.rest_operations import OPERATIONS
from gateway.rest_operations_api import DocsApi, ProbesApi
from gateway.rest_search_api import SearchApi
from gateway.storefront import Storefront


def build_rest_app(
    parts: EdgeParts,
    limits: BodyLimits | None = None,
    storefront: Storefront | None = None,
    cors_origins: Sequence[str] = (),
) -> FastAPI:
    """The application, with the documentation at ``/docs`` and the storefront, if any, at ``/``.

    ``cors_origins``: origins whose pages may call it from a browser (Fetch standard, CORS).
    """
    app = edge_app(parts, openapi_url="/openapi.json")
    bodies = BodyReader(limits or BodyLimits(), parts.buffered)
    search, catalog = SearchApi(parts, bodies), CatalogApi(parts, bodies)
    probes = ProbesApi(parts)
    endpoints = {
        "Search": search.search,
        "ListProducts": catalog.list,
        "GetFacets": catalog.facets,
        "GetProduct": catalog.get,
        "UpdateProduct": catalog.put,
        "DeleteProduct": catalog.delete,
        "GetProductImage": catalog.image,
        "Health": probes.healthz,
        "Readiness": probes.readyz,
        "Metrics": probes.metrics,
    }
    for name, operation in OPERATIONS.items():
        endpoint = endpoints[name]
        operation.route(app, name, guarded(parts.access, name, endpoint))
    app.add_api_route(
        "/v1/products/{rest:path}",
        catalog.no_such_id,
        methods=["GET", "PUT", "DELETE"],
        name="NoSuchId",
        include_in_schema=False,
    )
    DocsApi().add_to(app)
    if storefront is not None:
        storefront.add_to(app)
    app.openapi = cache(lambda: build_document(OPERATIONS))  # type: ignore[method-assign]
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=600,
        )
    return app
