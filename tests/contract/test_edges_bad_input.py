"""Bad values get the same reason and field on both edges, by the real rules of the core."""

import json
import math
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from google.protobuf import struct_pb2

from recompose.v1 import catalog_pb2, filter_pb2, product_pb2, search_pb2
from tests.support.edges import grpc_refusal, rest_refusal, serving
from tests.support.fake_core import RulingCore, edge_parts

SearchMessage = search_pb2.SearchRequest
FilterMessage = filter_pb2.Filter


def match(field: str, *values: Any) -> filter_pb2.Filter:
    listed = struct_pb2.ListValue()
    listed.extend(values)
    return FilterMessage(match=filter_pb2.Match(field=field, any_of=listed.values))


def bounds(field: str, **ends: float) -> filter_pb2.Filter:
    return FilterMessage(range=filter_pb2.Range(field=field, **ends))


def nested(levels: int) -> tuple[dict[str, Any], filter_pb2.Filter]:
    body: dict[str, Any] = {"field": "color", "any_of": ["red"]}
    message = match("color", "red")
    for _ in range(levels):
        outer = FilterMessage()
        getattr(outer, "not").CopyFrom(message)
        body, message = {"not": body}, outer
    return body, message


def many(count: int) -> tuple[dict[str, Any], filter_pb2.Filter]:
    halves = [["red"] * (count // 2), ["red"] * (count - count // 2)]
    body = {"all": [{"any": [{"field": "color", "any_of": [v]} for v in half]} for half in halves]}
    lists = [filter_pb2.FilterList(filters=[match("color", v) for v in half]) for half in halves]
    both = filter_pb2.FilterList(filters=[FilterMessage(any=part) for part in lists])
    return body, FilterMessage(all=both)


TEXT_FIELD = ""
"""The core's rule for texts serves several fields and names none."""

# name, REST fields, protobuf fields, reason, field
SEARCHES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("neither text nor reference", {}, {}, "QUERY_EMPTY", ""),
    ("blank text", {"modification": " \n"}, {"modification": " \n"}, "QUERY_EMPTY", ""),
    ("a NUL", {"modification": "a\0b"}, {"modification": "a\0b"}, "TEXT_INVALID", TEXT_FIELD),
    (
        "1,001 characters",
        {"modification": "a" * 1001},
        {"modification": "a" * 1001},
        "TEXT_TOO_LONG",
        TEXT_FIELD,
    ),
    *(
        (
            f"page_size {size}",
            {"modification": "x", "page_size": size},
            {"modification": "x", "page_size": size},
            "PAGE_SIZE_INVALID",
            "page_size",
        )
        for size in (0, -1, 101, 2**31 - 1)
    ),
    (
        "a catalog in capitals",
        {"modification": "x", "catalog": "Shop"},
        {"modification": "x", "catalog": "Shop"},
        "CATALOG_INVALID",
        "catalog",
    ),
    (
        "an unknown view",
        {"modification": "x", "view": "wide"},
        {"modification": "x", "view": 99},
        "VIEW_INVALID",
        "view",
    ),
    *(
        (
            f"group_by {field}",
            {"modification": "x", "group_by": field},
            {"modification": "x", "group_by": field},
            "GROUP_FIELD_UNKNOWN",
            "group_by",
        )
        for field in ("secret", "price", "hood", "attributes.color")
    ),
    *(
        (
            f"diversity {diversity}",
            {"modification": "x", "diversity": diversity},
            {"modification": "x", "diversity": diversity},
            "DIVERSITY_INVALID",
            "diversity",
        )
        for diversity in (-0.01, 1.01, 1e300)
    ),
    (
        "a reference to nothing",
        {"reference": {}},
        {"reference": search_pb2.Reference()},
        "FIELD_INVALID",
        "reference",
    ),
    *(
        (
            f"the id {product_id[:8]!r}",
            {"reference": {"product_id": product_id}},
            {"reference": search_pb2.Reference(product_id=product_id)},
            "PRODUCT_ID_INVALID",
            "reference.product_id",
        )
        for product_id in ("", "../x", ".", "..", "a/b", "a\\b", "a\nb", "\x07", "x" * 257)
    ),
]

FILTERS: list[tuple[str, Any, filter_pb2.Filter, str, str]] = [
    ("nothing", {}, FilterMessage(), "FILTER_INVALID", "filter"),
    (
        "nothing, inside",
        {"all": [{"field": "color", "any_of": ["red"]}, {}]},
        FilterMessage(all=filter_pb2.FilterList(filters=[match("color", "red"), FilterMessage()])),
        "FILTER_INVALID",
        "filter.all[1]",
    ),
    (
        "an empty list of filters",
        {"any": []},
        FilterMessage(any=filter_pb2.FilterList()),
        "FILTER_INVALID",
        "filter",
    ),
    ("no values", {"field": "color", "any_of": []}, match("color"), "FILTER_INVALID", "filter"),
    (
        "a field that is not filterable",
        {"field": "secret", "any_of": ["x"]},
        match("secret", "x"),
        "FILTER_FIELD_UNKNOWN",
        "filter",
    ),
    (
        "min over max",
        {"field": "price", "min": 9, "max": 1},
        bounds("price", min=9, max=1),
        "FILTER_RANGE_INVALID",
        "filter",
    ),
    (
        "NaN in a range",
        {"field": "price", "min": math.nan},
        bounds("price", min=math.nan),
        "FILTER_RANGE_INVALID",
        "filter",
    ),
    (
        "infinity in a range",
        {"field": "price", "max": math.inf},
        bounds("price", max=math.inf),
        "FILTER_RANGE_INVALID",
        "filter",
    ),
    (
        "a range without ends",
        {"field": "price", "min": None},
        bounds("price"),
        "FILTER_RANGE_INVALID",
        "filter",
    ),
    (
        "a range over words",
        {"field": "color", "min": 1},
        bounds("color", min=1),
        "FILTER_VALUE_INVALID",
        "filter",
    ),
    (
        "a number for a word",
        {"field": "color", "any_of": [1]},
        match("color", 1),
        "FILTER_VALUE_INVALID",
        "filter",
    ),
    (
        "a number for a boolean",
        {"field": "hood", "any_of": [1]},
        match("hood", 1),
        "FILTER_VALUE_INVALID",
        "filter",
    ),
    (
        "a null",
        {"field": "color", "any_of": ["red", None]},
        match("color", "red", None),
        "FILTER_VALUE_INVALID",
        "filter.any_of[1]",
    ),
    (
        "an object",
        {"field": "color", "any_of": [{"a": "b"}]},
        match("color", {"a": "b"}),
        "FILTER_VALUE_INVALID",
        "filter.any_of[0]",
    ),
    ("5 deep", *nested(5), "FILTER_TOO_DEEP", "filter"),
    ("40 deep", *nested(40), "FILTER_TOO_DEEP", "filter"),
    ("33 conditions", *many(33), "FILTER_TOO_LARGE", "filter"),
]

ATTRIBUTES: list[tuple[str, dict[str, Any]]] = [
    ("a null", {"size": None}),
    ("an object", {"size": {"a": 1}}),
    ("a list in a list", {"size": [["a"]]}),
    ("NaN", {"size": math.nan}),
    ("a word for a number", {"price": "cheap"}),
    ("a bad name", {"a b": 1}),
    ("too many", {f"a{number}": 1 for number in range(65)}),
    ("too much", {"a": "x" * 20_000}),
]


async def _compare(rest: Any, call: Any, reason: str, field: str) -> None:
    refusal = rest_refusal(rest)
    assert (rest.status_code, refusal.reason) == (422, reason)
    assert refusal.field == field
    assert await grpc_refusal(call) == refusal


@pytest.mark.parametrize(
    ("body", "message", "reason", "field"),
    [case[1:] for case in SEARCHES],
    ids=[case[0] for case in SEARCHES],
)
async def test_searches(
    body: dict[str, Any], message: dict[str, Any], reason: str, field: str
) -> None:
    core = RulingCore()
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.post("/v1/products:search", json=body)
        await _compare(rest, edges.search.Search(SearchMessage(**message)), reason, field)
    assert core.calls == []


@pytest.mark.parametrize(
    ("body", "message", "reason", "field"),
    [case[1:] for case in FILTERS],
    ids=[case[0] for case in FILTERS],
)
async def test_filters(body: Any, message: filter_pb2.Filter, reason: str, field: str) -> None:
    core = RulingCore()
    async with serving(edge_parts(core)) as edges:
        content = json.dumps({"modification": "x", "filter": body})
        headers = {"content-type": "application/json"}
        rest = await edges.rest.post("/v1/products:search", content=content, headers=headers)
        call = edges.search.Search(SearchMessage(modification="x", filter=message))
        await _compare(rest, call, reason, field)
        rest = await edges.rest.get("/v1/products:facets", params={"filter": json.dumps(body)})
        call = edges.catalog.GetFacets(catalog_pb2.GetFacetsRequest(filter=message))
        await _compare(rest, call, reason, field)
        rest = await edges.rest.get("/v1/products", params={"filter": json.dumps(body)})
        call = edges.catalog.ListProducts(catalog_pb2.ListProductsRequest(filter=message))
        await _compare(rest, call, reason, field)
    assert core.calls == []


@pytest.mark.parametrize(
    ("catalog", "fields", "reason", "field"),
    [
        ("default", ["color", "secret"], "FACET_FIELD_UNKNOWN", "field"),
        ("default", [""], "FACET_FIELD_UNKNOWN", "field"),
        ("default", ["attributes.color"], "FACET_FIELD_UNKNOWN", "field"),
        ("Shop", ["color"], "CATALOG_INVALID", "catalog"),
    ],
)
async def test_facets(catalog: str, fields: list[str], reason: str, field: str) -> None:
    core = RulingCore()
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.get(
            "/v1/products:facets", params={"catalog": catalog, "field": fields}
        )
        call = edges.catalog.GetFacets(catalog_pb2.GetFacetsRequest(catalog=catalog, fields=fields))
        await _compare(rest, call, reason, field)
    assert core.calls == []


@pytest.mark.parametrize("depth", [1, 4])
async def test_filters_within_the_rules_pass(depth: int) -> None:
    core = RulingCore()
    body, message = nested(depth)
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.post(
            "/v1/products:search", json={"modification": "x", "filter": body}
        )
        await edges.search.Search(SearchMessage(modification="x", filter=message))
    assert rest.status_code == 200
    assert core.calls[0] == core.calls[1]


@pytest.mark.parametrize(
    "attributes", [case[1] for case in ATTRIBUTES], ids=[case[0] for case in ATTRIBUTES]
)
async def test_attributes(attributes: dict[str, Any]) -> None:
    core = RulingCore()
    struct = struct_pb2.Struct()
    struct.update(attributes)
    product = product_pb2.Product(id="p", attributes=struct)
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.put(
            "/v1/products/p",
            content=json.dumps({"attributes": attributes}),
            headers={"content-type": "application/json"},
        )
        call = edges.catalog.UpdateProduct(catalog_pb2.UpdateProductRequest(product=product))
        await _compare(rest, call, "ATTRIBUTES_INVALID", "attributes")
    assert core.calls == []


PATHS = ["..%2Fx", "a%2Fb", "a%5Cb", "%00", "a%0Ab", "%2E%2E", "%2e", "x" * 257, "", "a/b", "../b"]


@pytest.mark.parametrize("path", PATHS)
async def test_ids_in_paths(path: str) -> None:
    """What the encoded id says decides, not where a router would cut it."""
    core = RulingCore()
    async with serving(edge_parts(core)) as edges:
        for method in ("GET", "PUT", "DELETE"):
            request = edges.rest.build_request(method, "/", json={} if method == "PUT" else None)
            request.url = _raw_url(f"/v1/products/{path}")
            rest = await edges.rest.send(request)
            call = edges.catalog.GetProduct(catalog_pb2.GetProductRequest(id=unquote(path)))
            await _compare(rest, call, "PRODUCT_ID_INVALID", "id")
    assert core.calls == []


def _raw_url(path: str) -> Any:
    """A URL whose path no client has tidied up."""

    class RawUrl(httpx.URL):
        @property
        def raw_path(self) -> bytes:
            return path.encode()

    return RawUrl("http://shop.test/")


async def test_an_id_may_hold_what_urls_encode() -> None:
    core = RulingCore()
    async with serving(edge_parts(core)) as edges:
        for path, product_id in (
            ("caf%C3%A9%20%25", "café %"),
            ("a%252Fb", "a%2Fb"),
            ("a:b", "a:b"),
            ("e%CC%81", "\u00e9"),  # NFC
            ("image", "image"),
        ):
            await edges.rest.get(f"/v1/products/{path}")
            assert core.calls.pop() == ("get", ("default", product_id))
        await edges.rest.get("/v1/products/image/image?catalog=shop")
        assert core.calls.pop() == ("image", ("shop", "image"))
