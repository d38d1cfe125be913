"""A search reaches the core as the same request from both edges, and comes back alike."""

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from recompose.v1 import product_pb2, search_pb2
from retrieval.domain import (
    AllOf,
    AnyOf,
    Match,
    Not,
    ProductReference,
    Range,
    Rerank,
    SearchRequest,
    UploadReference,
    UriReference,
    View,
)
from tests.support.edges import serving
from tests.support.fake_core import FakeCore, edge_parts

PICTURE = bytes(range(256)) * 300
BASE64 = base64.b64encode(PICTURE).decode()

# name, REST body, the same as protobuf JSON, what the core sees
CASES: list[tuple[str, dict[str, Any], dict[str, Any], SearchRequest]] = [
    (
        "words alone, all defaults",
        {"modification": "a red dress"},
        {"modification": "a red dress"},
        SearchRequest(modification="a red dress"),
    ),
    (
        "a product, changed",
        {"catalog": "shop", "reference": {"product_id": "p 1"}, "modification": "in black"},
        {"catalog": "shop", "reference": {"productId": "p 1"}, "modification": "in black"},
        SearchRequest("shop", ProductReference("p 1"), "in black"),
    ),
    (
        "a picture alone",
        {"reference": {"image": {"content": BASE64}}},
        {"reference": {"image": {"content": BASE64}}},
        SearchRequest(reference=UploadReference(PICTURE)),
    ),
    (
        "an empty picture is the core's to refuse",
        {"reference": {"image": {}}},
        {"reference": {"image": {}}},
        SearchRequest(reference=UploadReference(b"")),
    ),
    (
        "an address",
        {"reference": {"image": {"uri": "https://shop.test/a.png"}}, "modification": "x"},
        {"reference": {"image": {"uri": "https://shop.test/a.png"}}, "modification": "x"},
        SearchRequest(reference=UriReference("https://shop.test/a.png"), modification="x"),
    ),
    (
        "every field",
        {
            "modification": "ein rotes Kleid 👗 بالعربية",
            "filter": {"field": "color", "any_of": ["red", "navy"]},
            "page_size": 100,
            "page_token": "abc",
            "view": "basic",
            "include_reference": True,
            "group_by": "style",
            "diversity": 1,
            "rerank": {"depth": 40},
        },
        {
            "modification": "ein rotes Kleid 👗 بالعربية",
            "filter": {"match": {"field": "color", "anyOf": ["red", "navy"]}},
            "pageSize": 100,
            "pageToken": "abc",
            "view": "PRODUCT_VIEW_BASIC",
            "includeReference": True,
            "groupBy": "style",
            "diversity": 1,
            "rerank": {"depth": 40},
        },
        SearchRequest(
            modification="ein rotes Kleid 👗 بالعربية",
            filter=Match("color", ("red", "navy")),
            page_size=100,
            page_token="abc",
            include_reference=True,
            view=View.BASIC,
            group_by="style",
            diversity=1.0,
            rerank=Rerank(40),
        ),
    ),
    (
        "a tree of filters, with operators inside of values",
        {
            "modification": "x",
            "filter": {
                "all": [
                    {"any": [{"field": "size", "any_of": [38, 40.5]}]},
                    {"not": {"field": "hood", "any_of": [True]}},
                    {"field": "price", "min": 1, "max": 9},
                    {"field": "price", "min": 2.5},
                    {"field": "color", "any_of": ['{"any": []}', "* OR 1=1"]},
                ]
            },
        },
        {
            "modification": "x",
            "filter": {
                "all": {
                    "filters": [
                        {"any": {"filters": [{"match": {"field": "size", "anyOf": [38, 40.5]}}]}},
                        {"not": {"match": {"field": "hood", "anyOf": [True]}}},
                        {"range": {"field": "price", "min": 1, "max": 9}},
                        {"range": {"field": "price", "min": 2.5}},
                        {"match": {"field": "color", "anyOf": ['{"any": []}', "* OR 1=1"]}},
                    ]
                }
            },
        },
        SearchRequest(
            modification="x",
            filter=AllOf(
                (
                    AnyOf((Match("size", (38.0, 40.5)),)),
                    Not(Match("hood", (True,))),
                    Range("price", 1.0, 9.0),
                    Range("price", 2.5, None),
                    Match("color", ('{"any": []}', "* OR 1=1")),
                )
            ),
        ),
    ),
    (
        "an empty catalog is the default one, and a null is a field left out",
        {"catalog": "", "modification": "x", "reference": None, "page_size": None, "filter": None},
        {"catalog": "", "modification": "x"},
        SearchRequest(modification="x"),
    ),
]


@pytest.mark.parametrize(
    ("body", "message", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
async def test_both_edges_ask_the_core_the_same(
    body: dict[str, Any], message: dict[str, Any], expected: SearchRequest
) -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        answer = await edges.rest.post("/v1/products:search", json=body)
        await edges.search.Search(ParseDict(message, search_pb2.SearchRequest()))
    assert answer.status_code == 200
    assert core.calls == [("search", expected), ("search", expected)]
    for _, asked in core.calls:
        types = [type(value) for value in _values(asked.filter)]
        assert types == [type(value) for value in _values(expected.filter)]  # True is not 1.0


def _values(condition: Any) -> list[Any]:
    match condition:
        case AllOf(filters) | AnyOf(filters):
            return [value for part in filters for value in _values(part)]
        case Not(part):
            return _values(part)
        case Match(_, values):
            return list(values)
    return []


VIEWS = {"full": product_pb2.PRODUCT_VIEW_FULL, "basic": product_pb2.PRODUCT_VIEW_BASIC}


@pytest.mark.parametrize("view", VIEWS)
async def test_both_edges_answer_the_same(view: str) -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        rest = await edges.rest.post(
            "/v1/products:search", json={"modification": "x", "view": view}
        )
        message = await edges.search.Search(
            search_pb2.SearchRequest(modification="x", view=VIEWS[view])
        )
    wire = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert wire.pop("rerank") == "RERANK_OUTCOME_UNSPECIFIED"  # which JSON leaves out
    for hit in wire["hits"]:
        if view == "basic":
            assert not hit["product"].pop("attributes", None)
    assert rest.json() == _moments_alike(wire)


def _moments_alike(wire: dict[str, Any]) -> dict[str, Any]:
    """Protobuf prints milliseconds where they suffice, Python prints microseconds."""
    for hit in wire["hits"]:
        if moment := hit["product"].get("update_time"):
            hit["product"]["update_time"] = moment.replace(".250Z", ".250000Z")
    return wire


FORMS: list[tuple[str, dict[str, str], SearchRequest]] = [
    ("a picture alone", {}, SearchRequest(reference=UploadReference(PICTURE))),
    (
        "plain fields",
        {
            "modification": "in black",
            "catalog": "shop",
            "page_size": "5",
            "filter": '{"field": "color", "any_of": ["red"]}',
            "include_reference": "true",
            "view": "basic",
            "page_token": "t",
            "group_by": "style",
            "diversity": "0.25",
            "rerank": '{"depth": 40}',
        },
        SearchRequest(
            "shop",
            UploadReference(PICTURE),
            "in black",
            Match("color", ("red",)),
            5,
            "t",
            True,
            View.BASIC,
            "style",
            0.25,
            Rerank(40),
        ),
    ),
    (
        "one JSON part",
        {"request": json.dumps({"modification": "in black", "page_size": 5})},
        SearchRequest(reference=UploadReference(PICTURE), modification="in black", page_size=5),
    ),
]


@pytest.mark.parametrize(
    ("fields", "expected"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS]
)
@pytest.mark.parametrize("picture_name", ["coat.png", "../../etc/passwd", "C:\\coat.png"])
async def test_a_form_asks_the_core_as_json_does(
    fields: dict[str, str], expected: SearchRequest, picture_name: str
) -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        answer = await edges.rest.post(
            "/v1/products:search", files={"image": (picture_name, PICTURE)}, data=fields
        )
    assert answer.status_code == 200, answer.text
    assert core.calls == [("search", expected)]


async def test_a_form_needs_no_picture() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        answer = await edges.rest.post(
            "/v1/products:search",
            files={"modification": (None, "in black"), "reference": (None, '{"product_id":"p"}')},
        )
    assert answer.status_code == 200, answer.text
    assert core.calls == [
        ("search", SearchRequest(reference=ProductReference("p"), modification="in black"))
    ]
