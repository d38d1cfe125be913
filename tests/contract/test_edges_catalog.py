"""The catalog's calls reach the core alike from both edges, and come back alike."""

import base64
from typing import Any

import httpx
import pytest
from google.protobuf import struct_pb2

from gateway.grpc_catalog_api import MAX_IMPORT_BYTES
from gateway.validation import MAX_IMPORT_PRODUCTS
from recompose.v1 import catalog_pb2, filter_pb2, product_pb2
from retrieval.domain import (
    AllOf,
    FacetsRequest,
    ImportOutcome,
    ImportResult,
    Match,
    Not,
    ProductWrite,
    Range,
    UploadReference,
)
from tests.support.edges import grpc_refusal, rest_refusal, serving
from tests.support.fake_core import PRODUCT, FakeCore, FakePicture, edge_parts

RED = struct_pb2.Value(string_value="red")
ATTRIBUTES: dict[str, Any] = {"color": "red", "price": 39, "hood": True, "tags": ["a", 2, False]}


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


async def test_get() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.get("/v1/products/p%201", params={"catalog": "shop"})
        message = await edges.catalog.GetProduct(
            catalog_pb2.GetProductRequest(catalog="shop", id="p 1")
        )
    assert core.calls == [("get", ("shop", "p 1"))] * 2
    assert rest.json() == {
        "id": PRODUCT.id,
        "title": PRODUCT.title,
        "catalog": "default",
        "image_uri": "/v1/products/p-1-%C3%BC/image",
        "image_width": 320,
        "image_height": 240,
        "attributes": {
            "color": "red", "price": 39, "rating": 4.5, "hood": False, "tags": ["a", "b"]
        },
        "update_time": "2023-11-14T22:13:20.250000Z",
    }  # fmt: skip
    assert message.update_time.ToNanoseconds() == 1_700_000_000_250_000_000
    assert message.image_uri == rest.json()["image_uri"]
    assert message.attributes["hood"] is False


@pytest.mark.parametrize(
    ("query", "message", "expected"),
    [
        ({}, {}, ("default", 20, "", None)),
        (
            {
                "catalog": "shop",
                "page_size": "7",
                "page_token": "t",
                "view": "basic",
                "filter": '{"all": [{"field": "price", "max": 9}, '
                '{"not": {"field": "color", "any_of": ["red"]}}]}',
            },
            {
                "catalog": "shop",
                "page_size": 7,
                "page_token": "t",
                "view": 1,
                "filter": {
                    "all": {
                        "filters": [
                            {"range": {"field": "price", "max": 9}},
                            {"not": {"match": {"field": "color", "any_of": [RED]}}},
                        ]
                    }
                },
            },
            ("shop", 7, "t", AllOf((Range("price", max=9.0), Not(Match("color", ("red",)))))),
        ),
    ],
)
async def test_list(query: dict[str, str], message: dict[str, Any], expected: Any) -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        rest = (await edges.rest.get("/v1/products", params=query)).json()
        answer = await edges.catalog.ListProducts(catalog_pb2.ListProductsRequest(**message))
    assert core.calls == [("list", expected)] * 2
    assert rest["next_page_token"] == answer.next_page_token == "next"
    full = not query
    assert ("attributes" in rest["products"][0]) == full
    assert bool(answer.products[0].attributes.fields) == full


@pytest.mark.parametrize("created", [False, True])
async def test_update(created: bool) -> None:
    core = FakeCore(created=created)
    product = product_pb2.Product(id="p-1", title="Dress", attributes=_struct(ATTRIBUTES))
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.put(
            "/v1/products/p-1",
            json={
                "catalog": "shop",
                "title": "Dress",
                "attributes": ATTRIBUTES,
                "image": {"content": base64.b64encode(b"picture").decode()},
            },
        )
        answer = await edges.catalog.UpdateProduct(
            catalog_pb2.UpdateProductRequest(
                catalog="shop",
                product=product,
                image=product_pb2.Image(content=b"picture"),
                allow_missing=True,
            )
        )
        form = await edges.rest.put(
            "/v1/products/p-1",
            data={
                "title": "Dress",
                "catalog": "shop",
                "attributes": '{"color": "red", "price": 39, "hood": true, "tags": ["a",2,false]}',
            },
            files={"image": b"picture"},
        )
    write = ProductWrite("p-1", "Dress", ATTRIBUTES, UploadReference(b"picture"))
    assert core.calls == [("update", ("shop", write, True))] * 3
    assert rest.status_code == form.status_code == (201 if created else 200)
    assert rest.json()["id"] == answer.id == PRODUCT.id


async def test_update_of_what_exists_only() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        await edges.rest.put("/v1/products/p?allow_missing=false", json={"title": "x"})
        await edges.catalog.UpdateProduct(
            catalog_pb2.UpdateProductRequest(product=product_pb2.Product(id="p", title="x"))
        )
    assert core.calls == [("update", ("default", ProductWrite("p", "x", {}), False))] * 2


async def test_an_answer_can_be_sent_back() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        product = (await edges.rest.get("/v1/products/p")).json()
        path = f"/v1/products/{PRODUCT.id}"
        assert (await edges.rest.put(path, json=product)).status_code == 200
        message = await edges.catalog.GetProduct(catalog_pb2.GetProductRequest(id="p"))
        await edges.catalog.UpdateProduct(
            catalog_pb2.UpdateProductRequest(product=message, allow_missing=True)
        )
        other = await edges.rest.put("/v1/products/other", json=product)
    written = [call for call in core.calls if call[0] == "update"]
    assert written[0] == written[1]
    assert written[0][1][1].attributes == PRODUCT.attributes
    assert (rest_refusal(other).reason, rest_refusal(other).field) == ("FIELD_INVALID", "id")


async def test_delete() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.delete("/v1/products/p?catalog=shop")
        await edges.catalog.DeleteProduct(catalog_pb2.DeleteProductRequest(catalog="shop", id="p"))
    assert core.calls == [("delete", ("shop", "p"))] * 2
    assert (rest.status_code, rest.content) == (204, b"")


@pytest.mark.parametrize("multi_select", [False, True])
async def test_facets(multi_select: bool) -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.get(
            "/v1/products:facets",
            params={
                "field": ["color", "hood"],
                "catalog": "shop",
                "filter": '{"field": "color", "any_of": ["red"]}',
                **({"multi_select": "true"} if multi_select else {}),
            },
        )
        red = filter_pb2.Match(field="color", any_of=[RED])
        answer = await edges.catalog.GetFacets(
            catalog_pb2.GetFacetsRequest(
                catalog="shop",
                fields=["color", "hood"],
                filter=filter_pb2.Filter(match=red),
                multi_select=multi_select,
            )
        )
    asked = FacetsRequest("shop", ("color", "hood"), Match("color", ("red",)), multi_select)
    assert core.calls == [("facets", asked)] * 2
    assert rest.json() == {
        "facets": [
            {
                "field": "color",
                "values": [{"value": "red", "count": 3}, {"value": "blue", "count": 1}],
            },
            {"field": "hood", "values": [{"value": True, "count": 4}]},
            {"field": "price", "values": [], "range": {"min": 9.5, "max": 60}},
            {"field": "weight", "values": []},
        ]
    }
    assert answer.facets[0].values[0].value.string_value == "red"
    assert answer.facets[1].values[0].value.bool_value is True
    assert answer.facets[1].values[0].count == 4
    assert answer.facets[2].range == catalog_pb2.NumberRange(min=9.5, max=60)
    assert [facet.HasField("range") for facet in answer.facets] == [False, False, True, False]


async def test_facets_of_everything() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        await edges.rest.get("/v1/products:facets")
        await edges.catalog.GetFacets(catalog_pb2.GetFacetsRequest())
    assert core.calls == [("facets", FacetsRequest())] * 2


async def test_a_picture_comes_with_its_tag_and_can_be_asked_for_again() -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        first = await edges.rest.get("/v1/products/p/image")
        tag = first.headers["etag"]
        answers = [
            await edges.rest.get("/v1/products/p/image", headers={"if-none-match": header})
            for header in (tag, f'"other", W/{tag}', "*", '"other"')
        ]
    assert first.content == FakePicture().content
    assert first.headers["content-type"] == "image/png"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-control"] == "public, max-age=300"
    assert [answer.status_code for answer in answers] == [304, 304, 304, 200]
    assert answers[0].content == b""


def _messages(count: int, **first: Any) -> list[catalog_pb2.ImportProductsRequest]:
    return [
        catalog_pb2.ImportProductsRequest(
            product=product_pb2.Product(id=f"p-{number}"), **(first if number == 0 else {})
        )
        for number in range(count)
    ]


async def test_import() -> None:
    core = FakeCore()
    messages = _messages(3, catalog="shop", image=product_pb2.Image(content=b"picture"))
    messages[1].image.SetInParent()
    messages[2].catalog = "ignored"
    async with serving(edge_parts(core)) as edges:
        answer = await edges.catalog.ImportProducts(iter(messages))
    assert core.calls == [
        (
            "import",
            (
                "shop",
                (
                    ProductWrite("p-0", "", {}, UploadReference(b"picture")),
                    ProductWrite("p-1", "", {}, UploadReference(b"")),
                    ProductWrite("p-2", "", {}, None),
                ),
            ),
        )
    ]
    assert (answer.imported_count, answer.unchanged_count, answer.failed_count) == (3, 0, 0)
    assert [result.product_id for result in answer.results] == ["p-0", "p-1", "p-2"]


async def test_import_tells_what_became_of_each() -> None:
    class Mixed(FakeCore):
        async def import_products(self, *_: Any) -> list[ImportResult]:
            return [
                ImportResult("a", ImportOutcome.UNCHANGED),
                ImportResult("b", ImportOutcome.FAILED, "IMAGE_EMPTY", "The image is empty."),
                ImportResult("c", ImportOutcome.IMPORTED),
                ImportResult("d", ImportOutcome.UNCHANGED),
            ]

    async with serving(edge_parts(Mixed())) as edges:
        answer = await edges.catalog.ImportProducts(iter(_messages(4)))
    assert (answer.imported_count, answer.unchanged_count, answer.failed_count) == (1, 2, 1)
    assert answer.results[1] == catalog_pb2.ImportResult(
        product_id="b",
        outcome=catalog_pb2.IMPORT_OUTCOME_FAILED,
        reason="IMAGE_EMPTY",
        message="The image is empty.",
    )


@pytest.mark.parametrize(
    ("count", "reason"),
    [(0, None), (MAX_IMPORT_PRODUCTS, None), (MAX_IMPORT_PRODUCTS + 1, "TOO_MANY_PRODUCTS")],
)
async def test_import_takes_at_most_256_products(count: int, reason: str | None) -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        call = edges.catalog.ImportProducts(iter(_messages(count)))
        if reason is None:
            assert len((await call).results) == count
        else:
            assert (await grpc_refusal(call)).reason == reason
            assert core.calls == []


async def test_import_takes_at_most_so_many_bytes() -> None:
    core = FakeCore()
    picture = product_pb2.Image(content=bytes(8 << 20))
    message = catalog_pb2.ImportProductsRequest(image=picture)
    async with serving(edge_parts(core)) as edges:
        count = MAX_IMPORT_BYTES // message.ByteSize()
        assert len((await edges.catalog.ImportProducts(iter([message] * count))).results) == count
        refusal = await grpc_refusal(edges.catalog.ImportProducts(iter([message] * (count + 1))))
    assert refusal.reason == "REQUEST_TOO_LARGE"
    assert len(core.calls) == 1


async def test_other_paths_and_methods_are_refused_in_the_same_form() -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        answers: list[httpx.Response] = [
            await edges.rest.get("/v2/products"),
            await edges.rest.post("/v1/products/p", json={}),
            await edges.rest.delete("/v1/products"),
        ]
    assert [answer.status_code for answer in answers] == [404, 405, 405]
    reasons = [rest_refusal(answer).reason for answer in answers]
    assert reasons == ["ROUTE_UNKNOWN", "METHOD_UNKNOWN", "METHOD_UNKNOWN"]
    assert answers[2].headers["allow"] == "GET"
