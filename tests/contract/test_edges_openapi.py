"""The OpenAPI document says what the REST edge does: routes, fields, examples, codes."""

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel

from gateway import openapi_command
from gateway import rest_examples as examples
from gateway import rest_models as models
from gateway.error_table import OPAQUE, TABLE
from gateway.rest_api import build_rest_app
from gateway.rest_codec import (
    PRODUCT_FIELDS,
    SEARCH_FIELDS,
    decode_filter,
    decode_product,
    decode_search,
)
from gateway.rest_operations import OPERATIONS
from gateway.rest_parse import Parsed
from gateway.settings import Settings
from recompose.v1 import catalog_pb2, product_pb2, search_pb2
from retrieval.errors import InvalidArgument
from tests.support.edges import serving
from tests.support.fake_core import FakeCore, edge_parts

HIDDEN = {"/docs", "/docs/{name}", "/openapi.json", "/v1/products/{rest:path}"}


def _document() -> dict[str, Any]:
    document: dict[str, Any] = build_rest_app(edge_parts(FakeCore())).openapi()
    return document


def _references(part: Any) -> set[str]:
    if isinstance(part, dict):
        found = {part["$ref"]} if "$ref" in part else set()
        return found.union(*(_references(value) for value in part.values()))
    if isinstance(part, list):
        return set().union(*(_references(value) for value in part))
    return set()


def test_every_route_is_documented_and_nothing_else() -> None:
    app = build_rest_app(edge_parts(FakeCore()))
    routed = {
        (path, method.lower())
        for route in app.routes
        if (path := getattr(route, "path", "")) not in HIDDEN
        for method in getattr(route, "methods", None) or ()
        if method != "HEAD"
    }
    documented = {
        (path, method) for path, item in app.openapi()["paths"].items() for method in item
    }
    assert routed == documented
    assert len(documented) == len(OPERATIONS)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    document = _document()
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert _references(document) == schemas
    json.dumps(document, allow_nan=False)


def test_every_operation_is_worth_reading() -> None:
    for item in _document()["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["description"]
            for response in operation["responses"].values():
                assert response["description"]


async def test_every_failure_that_an_operation_can_meet_is_documented() -> None:
    """The reverse of test_edges_errors, where each call is made to fail in each way."""
    api = [operation for operation in OPERATIONS.values() if operation.path.startswith("/v1")]
    everywhere = {TABLE[kind].http for kind in TABLE} - {404, 415, 424} | {OPAQUE.http}
    for operation in api:
        codes = {int(code) for code in operation.document("x")["responses"]}
        assert codes >= everywhere
        takes_pictures = operation.body is not None
        assert ({415, 424} <= codes) == takes_pictures
        assert (404 in codes) == ("{id}" in operation.path or takes_pictures)


def test_the_codec_reads_what_is_documented() -> None:
    assert set(models.SearchQuery.model_fields) == SEARCH_FIELDS
    assert set(models.ProductWrite.model_fields) == PRODUCT_FIELDS
    assert set(models.Reference.model_fields) == {"product_id", "image"}


def test_rest_has_the_fields_of_the_protos() -> None:
    def fields(message: Any) -> set[str]:
        return {field.name for field in message.DESCRIPTOR.fields}

    assert set(models.SearchQuery.model_fields) == fields(search_pb2.SearchRequest)
    assert set(models.SearchAnswer.model_fields) == fields(search_pb2.SearchResponse)
    assert set(models.Hit.model_fields) == fields(search_pb2.Hit)
    assert set(models.Product.model_fields) == fields(product_pb2.Product)
    assert set(models.Image.model_fields) == fields(product_pb2.Image)
    assert set(models.Facet.model_fields) == fields(catalog_pb2.Facet)
    assert set(models.FacetValue.model_fields) == fields(catalog_pb2.FacetValue)
    assert set(models.NumberRange.model_fields) == fields(catalog_pb2.NumberRange)


def test_facets_are_asked_with_the_fields_of_the_proto() -> None:
    names = {field.name for field in catalog_pb2.GetFacetsRequest.DESCRIPTOR.fields}
    parameters = {parameter["name"] for parameter in OPERATIONS["GetFacets"].parameters}
    assert parameters - {"field"} == names - {"fields"}  # one value each, repeated


def test_lists_are_asked_with_the_fields_of_the_proto() -> None:
    names = {field.name for field in catalog_pb2.ListProductsRequest.DESCRIPTOR.fields}
    assert {parameter["name"] for parameter in OPERATIONS["ListProducts"].parameters} == names


def test_the_example_facets_fit_their_schema() -> None:
    models.Facets.model_validate_json(json.dumps(examples.FACETS), strict=True)


@pytest.mark.parametrize("name", examples.SEARCHES)
def test_example_searches_are_read_and_fit_their_schema(name: str) -> None:
    body = examples.SEARCHES[name]["value"]
    models.SearchQuery.model_validate_json(json.dumps(body), strict=True)
    decode_search(Parsed(body))


def test_the_example_product_is_read_and_fits_its_schema() -> None:
    models.ProductWrite.model_validate_json(json.dumps(examples.PRODUCT_WRITE), strict=True)
    decode_product(Parsed(examples.PRODUCT_WRITE), "p-0042")


ANSWERS: list[tuple[str, str, dict[str, Any], type[BaseModel]]] = [
    ("POST", "/v1/products:search", {"json": {"modification": "x"}}, models.SearchAnswer),
    (
        "POST",
        "/v1/products:search",
        {"json": {"modification": "x", "view": "basic"}},
        models.SearchAnswer,
    ),
    ("GET", "/v1/products", {}, models.ProductPage),
    ("GET", "/v1/products/p", {}, models.Product),
    ("PUT", "/v1/products/p", {"json": {}}, models.Product),
    ("GET", "/v1/products:facets", {}, models.Facets),
    ("GET", "/v1/products?page_size=x", {}, models.Error),
    ("GET", "/healthz", {}, models.Health),
    ("GET", "/readyz", {}, models.Ready),
]


@pytest.mark.parametrize(("method", "path", "arguments", "model"), ANSWERS)
async def test_answers_fit_their_schema(
    method: str, path: str, arguments: dict[str, Any], model: type[BaseModel]
) -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        answer = await edges.rest.request(method, path, **arguments)
    model.model_validate_json(answer.content, strict=True)


FILTERS = [
    {"all": [{"field": "color", "any_of": ["red"]}]},
    {"any": [{"field": "price", "min": 1.5}, {"not": {"field": "hood", "any_of": [True]}}]},
    {"field": "price", "max": 9},
    {},
    {"all": []},
    {"field": "color"},
    {"field": "color", "any_of": ["red"], "min": 1},
    {"all": [], "any": []},
    {"not": []},
    "red",
]


@pytest.mark.parametrize("body", FILTERS, ids=str)
def test_the_schema_of_filters_and_the_codec_agree(body: Any) -> None:
    by_schema = _passes(lambda: models.Filter.model_validate_json(json.dumps(body), strict=True))
    by_codec = _passes(lambda: decode_filter(body))
    if body == {"all": []}:
        by_codec = False  # refused by the core: the codec knows no lengths
    if body == {"field": "color"}:
        by_schema = False  # the document says it, the models do not
    assert by_schema == by_codec


def _passes(check: Callable[[], object]) -> bool:
    try:
        check()
    except (ValueError, InvalidArgument):
        return False
    return True


def test_a_range_without_a_bound_is_no_filter_in_the_document_either() -> None:
    schema = {**_document(), "$ref": "#/components/schemas/Filter"}
    documented = jsonschema_rs.validator_for(schema)
    for bounds in ({"min": 1}, {"max": 2.5}, {"min": 1, "max": 2}):
        assert documented.is_valid({"field": "price", **bounds})
        decode_filter({"field": "price", **bounds})
    assert not documented.is_valid({"field": "price"})
    with pytest.raises(InvalidArgument):
        decode_filter({"field": "price"})


async def test_the_documentation_needs_nothing_from_elsewhere() -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        page = await edges.rest.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "://" not in page.text
        assert (await edges.rest.get("/openapi.json")).json() == _document()
        for path in ("/docs/nothing.js", "/docs/..%2Frest_api.py", "/docs/%2e%2e", "/"):
            assert (await edges.rest.get(path)).status_code == 404


async def test_every_file_that_the_documentation_names_is_served() -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        pending, seen = ["/docs"], set[str]()
        while pending:
            answer = await edges.rest.get(path := pending.pop())
            assert answer.status_code == 200, path
            seen.add(path)
            if "swagger" not in path:
                pending += set(re.findall(r"/docs/[\w.-]+", answer.text)) - seen
    assert seen >= {"/docs/docs.js", "/docs/icon.svg", "/docs/swagger-ui.css"}


def test_the_command_prints_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    openapi_command.add_parser(parser.add_subparsers())
    options = parser.parse_args(["openapi"])
    assert options.run(Settings(), options) == 0
    assert json.loads(capsys.readouterr().out) == _document()
