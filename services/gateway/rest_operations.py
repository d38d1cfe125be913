"""The table of REST operations: what is routed and what the OpenAPI document says of it."""

from typing import Any, Final

from gateway import rest_examples as examples
from gateway import rest_models as models
from gateway.rest_openapi import Operation, json_content
from retrieval.errors import Kind

_SERVICE: Final = (Kind.EXHAUSTED, Kind.BROKEN, Kind.UNAVAILABLE, Kind.TIMEOUT)
_ACCESS: Final = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN)
_READ: Final = (Kind.MALFORMED, Kind.INVALID, Kind.TOO_LARGE, *_ACCESS, *_SERVICE)
_READ_ONE: Final = (*_READ, Kind.NOT_FOUND)
_WITH_PICTURE: Final = (*_READ_ONE, Kind.UNSUPPORTED, Kind.PRECONDITION)


def _parameter(
    name: str, description: str, *, within: str = "query", **schema: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "in": within,
        "required": within == "path",
        "description": description,
        "schema": schema or {"type": "string"},
    }


_ID: Final = _parameter(
    "id",
    "1 to 256 printable characters without `/` and `\\`, percent-encoded.",
    within="path",
    type="string",
    example="p-0042",
)
_CATALOG: Final = _parameter("catalog", "The catalog.", type="string", default="default")
_FILTER: Final = {
    "name": "filter",
    "in": "query",
    "required": False,
    "description": "Only products for which this holds, as JSON.",
    "content": json_content(models.Filter, {"field": "category", "any_of": ["dress"]}),
}


def _form(part: dict[str, Any], description: str) -> dict[str, Any]:
    """The multipart form of a call: a picture, and the rest as one JSON part or as fields."""
    return {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "description": description,
                "properties": {
                    "image": {"type": "string", "contentMediaType": "application/octet-stream"},
                    "request": part,
                },
            },
            "encoding": {"request": {"contentType": "application/json"}},
        }
    }


OPERATIONS: Final[dict[str, Operation]] = {
    "Search": Operation(
        "POST",
        "/v1/products:search",
        "search",
        "Search by picture, words, or both",
        "Answers with the products that match, best first.\n\n"
        "As `multipart/form-data` the picture is the part `image`; everything else is either one "
        "part `request` with the JSON below (less `reference`), or plain fields of the same names:"
        " `modification`, `catalog`, `page_token`, `view` and `group_by` as text, `filter`, "
        "`page_size`, `include_reference`, `diversity`, `rerank` and `reference` as JSON. For "
        "example: `curl -F image=@coat.jpg -F 'modification=in black' -F page_size=5 ...`",
        answers={
            200: {
                "description": "A page of hits; an empty one where nothing passes the filter.",
                "content": json_content(models.SearchAnswer, examples.SEARCH_ANSWER),
            }
        },
        errors=_WITH_PICTURE,
        body=json_content(models.SearchQuery, examples=examples.SEARCHES)
        | _form(
            {"$ref": "#/components/schemas/SearchQuery"},
            "A picture and either `request` or plain fields.",
        ),
    ),
    "ListProducts": Operation(
        "GET",
        "/v1/products",
        "catalog",
        "List products",
        "The products of a catalog, page by page, in a stable order. The filter is that of a "
        "search, as JSON in the query string: `curl -G .../v1/products -d page_size=100 "
        '--data-urlencode \'filter={"field": "category", "any_of": ["dress"]}\'`',
        answers={
            200: {
                "description": "A page of products.",
                "content": json_content(models.ProductPage, examples.PRODUCT_PAGE),
            }
        },
        errors=_READ,
        parameters=(
            _CATALOG,
            _parameter(
                "page_size", "Products a page.", type="integer", minimum=1, maximum=100, default=20
            ),
            _parameter(
                "page_token",
                "`next_page_token` of the page before, with the same catalog and filter.",
            ),
            _parameter(
                "view",
                "`basic` leaves out attributes.",
                type="string",
                enum=["basic", "full"],
                default="full",
            ),
            _FILTER,
        ),
    ),
    "GetProduct": Operation(
        "GET",
        "/v1/products/{id}",
        "catalog",
        "Get a product",
        "One product with its attributes.",
        answers={
            200: {
                "description": "The product.",
                "content": json_content(models.Product, examples.PRODUCT),
            }
        },
        errors=_READ_ONE,
        parameters=(_ID, _CATALOG),
    ),
    "UpdateProduct": Operation(
        "PUT",
        "/v1/products/{id}",
        "catalog",
        "Replace or create a product",
        "Writes a whole product. What the body leaves out is removed, except the picture, which "
        "a new product needs. Also as `multipart/form-data` with the picture as part `image`, and "
        "either `request` or the plain fields `title`, `catalog` (text) and `attributes` (JSON).",
        answers={
            200: {
                "description": "Replaced.",
                "content": json_content(models.Product, examples.PRODUCT),
            },
            201: {
                "description": "Created.",
                "content": json_content(models.Product, examples.PRODUCT),
            },
        },
        errors=_WITH_PICTURE,
        parameters=(
            _ID,
            _parameter(
                "allow_missing",
                "Whether to create the product where there is none.",
                type="boolean",
                default=True,
            ),
        ),
        body=json_content(models.ProductWrite, examples.PRODUCT_WRITE)
        | _form(
            {"$ref": "#/components/schemas/ProductWrite"},
            "A picture and either `request` or plain fields.",
        ),
    ),
    "DeleteProduct": Operation(
        "DELETE",
        "/v1/products/{id}",
        "catalog",
        "Delete a product",
        "Removes a product from the catalog and from all later searches.",
        answers={204: {"description": "Deleted."}},
        errors=_READ_ONE,
        parameters=(_ID, _CATALOG),
    ),
    "GetProductImage": Operation(
        "GET",
        "/v1/products/{id}/image",
        "catalog",
        "Get a product's picture",
        "The picture as the service keeps it, with an ETag; `If-None-Match` saves sending it "
        "again.",
        answers={
            200: {
                "description": "The picture.",
                "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
                "headers": {"ETag": {"description": "sha256 of it.", "schema": {"type": "string"}}},
            },
            304: {"description": "Unchanged since the ETag in `If-None-Match`."},
        },
        errors=_READ_ONE,
        parameters=(
            _ID,
            _CATALOG,
            _parameter("If-None-Match", "An ETag of an earlier answer.", within="header"),
        ),
    ),
    "GetFacets": Operation(
        "GET",
        "/v1/products:facets",
        "catalog",
        "Count attribute values",
        "How many products have each value of a filterable attribute that is words or booleans, "
        "and from where to where its numbers go. The filter is that of a search, as JSON in the "
        "query string: `curl -G .../v1/products:facets -d field=color --data-urlencode "
        '\'filter={"field": "price", "max": 60}\'`',
        answers={
            200: {
                "description": "A facet for each attribute, in the order asked.",
                "content": json_content(models.Facets, examples.FACETS),
            }
        },
        errors=_READ,
        parameters=(
            _CATALOG,
            _parameter(
                "field",
                "Filterable attributes; all where none is named. May be repeated.",
                type="array",
                items={"type": "string"},
            ),
            _FILTER,
            _parameter(
                "multi_select",
                "Count each attribute as if the filter said nothing of it, so that a second color "
                "can be offered beside the one chosen: parts of the filter's `all` (or all of it) "
                "that name this attribute alone do not count for it.",
                type="boolean",
                default=False,
            ),
        ),
    ),
    "Health": Operation(
        "GET",
        "/healthz",
        "operation",
        "Is the process alive?",
        "Answers while the event loop runs, whatever else is missing.",
        answers={200: {"description": "Alive.", "content": json_content(models.Health)}},
    ),
    "Readiness": Operation(
        "GET",
        "/readyz",
        "operation",
        "Can it answer searches?",
        "Ready after a real inference and a real query; not ready while it starts or drains.",
        answers={
            200: {"description": "Ready.", "content": json_content(models.Ready)},
            503: {"description": "Not ready, and why.", "content": json_content(models.Ready)},
        },
    ),
    "Metrics": Operation(
        "GET",
        "/metrics",
        "operation",
        "Prometheus metrics",
        "All names begin with `recompose_`.",
        answers={200: {"description": "Metrics.", "content": {"text/plain": {}}}},
    ),
}
