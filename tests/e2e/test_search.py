"""Searches of a shopper against the whole stack: each kind, by both edges, with the demo model."""

import base64
import json
from typing import Any

import grpc
import pytest

from recompose.v1 import catalog_pb2, filter_pb2, product_pb2, search_pb2
from tests.support.stack import Stack


def ask(stack: Stack, **query: Any) -> dict[str, Any]:
    answer = stack.rest.post("/v1/products:search", json=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def attributes(answer: dict[str, Any], name: str) -> list[Any]:
    return [hit["product"]["attributes"].get(name) for hit in answer["hits"]]


def product_with(stack: Stack, **wanted: Any) -> dict[str, Any]:
    conditions = [{"field": name, "any_of": [value]} for name, value in wanted.items()]
    answer = ask(stack, modification="garment", filter={"all": conditions}, page_size=1)
    product: dict[str, Any] = answer["hits"][0]["product"]
    return product


def test_words_alone_find_what_they_say(stack: Stack) -> None:
    answer = ask(stack, modification="a red dress", page_size=10)
    assert attributes(answer, "category").count("dress") >= 8
    assert attributes(answer, "color").count("red") >= 8


def test_a_picture_alone_finds_its_like(stack: Stack) -> None:
    product = product_with(stack, category="sneakers", color="green")
    content = stack.rest.get(product["image_uri"]).content
    answer = stack.rest.post(
        "/v1/products:search", files={"image": ("any.webp", content, "image/webp")}
    ).json()
    assert answer["hits"][0]["product"]["id"] == product["id"]
    assert answer["hits"][0]["score"] == pytest.approx(1.0, abs=0.01)
    assert attributes(answer, "category")[:5].count("sneakers") >= 4


@pytest.mark.parametrize("color", ["black", "yellow", "pink"])
def test_a_product_and_words_keep_the_kind_and_change_the_color(stack: Stack, color: str) -> None:
    product = product_with(stack, category="hoodie", color="red", pattern="plain")
    answer = ask(
        stack,
        reference={"product_id": product["id"]},
        modification=f"the same in {color}",
        page_size=10,
    )
    assert attributes(answer, "color").count(color) >= 7
    assert attributes(answer, "category").count("hoodie") >= 7


def test_upload_and_product_id_give_one_ranking(stack: Stack) -> None:
    product = product_with(stack, category="skirt", color="blue")
    content = stack.rest.get(product["image_uri"]).content
    by_id = ask(
        stack,
        reference={"product_id": product["id"]},
        modification="longer",
        include_reference=True,
    )
    by_upload = stack.rest.post(
        "/v1/products:search",
        files={"image": ("a.webp", content, "image/webp")},
        data={"request": json.dumps({"modification": "longer"})},
    ).json()
    assert by_id["hits"] == by_upload["hits"]


def test_both_edges_answer_alike(stack: Stack) -> None:
    product = product_with(stack, category="coat")
    rest = ask(stack, reference={"product_id": product["id"]}, modification="in navy", page_size=50)
    wire = stack.search.Search(
        search_pb2.SearchRequest(
            reference=search_pb2.Reference(product_id=product["id"]),
            modification="in navy",
            page_size=50,
        )
    )
    assert [(hit["product"]["id"], pytest.approx(hit["score"])) for hit in rest["hits"]] == [
        (hit.product.id, hit.score) for hit in wire.hits
    ]
    assert rest["next_page_token"] == wire.next_page_token


def test_the_reference_is_left_out_unless_asked_for(stack: Stack) -> None:
    product = product_with(stack, category="hat")
    query = {"reference": {"product_id": product["id"]}, "page_size": 100}
    without = [hit["product"]["id"] for hit in ask(stack, **query)["hits"]]
    assert product["id"] not in without
    with_it = [hit["product"]["id"] for hit in ask(stack, **query, include_reference=True)["hits"]]
    assert with_it[0] == product["id"]


def test_filters_hold_on_every_hit_of_every_page(stack: Stack) -> None:
    query = {
        "modification": "something warm",
        "filter": {
            "all": [
                {"field": "category", "any_of": ["coat", "hoodie"]},
                {"field": "price", "min": 20, "max": 80},
                {"not": {"field": "color", "any_of": ["black"]}},
            ]
        },
        "page_size": 40,
    }
    seen, token = [], ""
    for _ in range(3):
        answer = ask(stack, **query, page_token=token)
        seen += [hit["product"] for hit in answer["hits"]]
        token = answer["next_page_token"]
    assert len(seen) == len({product["id"] for product in seen}) == 120
    assert {product["attributes"]["category"] for product in seen} <= {"coat", "hoodie"}
    assert all(20 <= product["attributes"]["price"] <= 80 for product in seen)
    assert all(product["attributes"]["color"] != "black" for product in seen)


def test_the_catalog_lists_every_product_once(stack: Stack) -> None:
    ids: list[str] = []
    request = catalog_pb2.ListProductsRequest(page_size=100)
    while True:
        page = stack.catalog.ListProducts(request)
        ids += [product.id for product in page.products]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(ids) == len(set(ids)) == 3000


def test_a_list_under_a_filter_is_as_long_as_the_facet_says(stack: Stack) -> None:
    everything = stack.rest.get("/v1/products:facets", params={"field": "category"}).json()
    dresses = next(
        value["count"] for value in everything["facets"][0]["values"] if value["value"] == "dress"
    )
    asked = {"filter": '{"field": "category", "any_of": ["dress"]}', "page_size": "7"}
    pages = [stack.rest.get("/v1/products", params=asked).json()]
    while token := pages[-1]["next_page_token"]:
        answer = stack.rest.get("/v1/products", params={**asked, "page_token": token})
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
    products = [product for page in pages for product in page["products"]]
    assert len(products) == len({product["id"] for product in products}) == dresses
    assert {product["attributes"]["category"] for product in products} == {"dress"}
    assert {len(page["products"]) for page in pages[:-1]} == {7}

    others = {**asked, "page_token": pages[0]["next_page_token"]}
    others["filter"] = '{"field": "category", "any_of": ["hat"]}'
    refused = stack.rest.get("/v1/products", params=others)
    assert (refused.status_code, "PAGE_TOKEN_INVALID" in refused.text) == (422, True)


def test_facets_count_the_whole_catalog(stack: Stack) -> None:
    facets = stack.rest.get("/v1/products:facets", params={"field": "category"}).json()["facets"]
    assert sum(value["count"] for value in facets[0]["values"]) == 3000
    filtered = stack.catalog.GetFacets(
        catalog_pb2.GetFacetsRequest(
            fields=["color"],
            filter=filter_pb2.Filter(
                match=filter_pb2.Match(field="category", any_of=[{"string_value": "hat"}])
            ),
        )
    )
    hats = next(value["count"] for value in facets[0]["values"] if value["value"] == "hat")
    assert sum(value.count for value in filtered.facets[0].values) == hats


def test_a_product_is_written_found_changed_and_deleted(stack: Stack) -> None:
    picture = stack.rest.get(product_with(stack, category="jeans")["image_uri"]).content
    one = {"catalog": "trial"}
    answer = stack.rest.put(
        "/v1/products/mine",
        json={
            **one,
            "title": "Mine",
            "attributes": {"color": "blue", "price": "5"},
            "image": {"content": _base64(picture)},
        },
    )
    assert answer.status_code in {200, 201}, answer.text
    found = ask(stack, catalog="trial", modification="jeans")
    assert [hit["product"]["id"] for hit in found["hits"]] == ["mine"]
    changed = stack.catalog.UpdateProduct(
        catalog_pb2.UpdateProductRequest(
            catalog="trial", product=product_pb2.Product(id="mine", title="Still mine")
        )
    )
    assert changed.title == "Still mine"
    assert stack.rest.get("/v1/products/mine/image", params=one).status_code == 200
    assert stack.rest.delete("/v1/products/mine", params=one).status_code < 300
    assert stack.rest.get("/v1/products/mine", params=one).status_code == 404
    with pytest.raises(grpc.RpcError) as caught:
        stack.catalog.GetProduct(catalog_pb2.GetProductRequest(catalog="trial", id="mine"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_nothing_of_a_query_is_in_the_logs(stack: Stack) -> None:
    secret = "zebra-striped umbrella 4711"
    ask(stack, modification=secret)
    stack.rest.post("/v1/products:search", json={"modification": secret, "page_size": 0})
    stack.rest.post("/v1/products:search", json={secret: 1})
    stack.rest.get(f"/v1/products/{secret}")
    assert "zebra" not in stack.log
    assert "zebra" not in stack.rest.get("/metrics").text


def test_metrics_count_what_happened(stack: Stack) -> None:
    ask(stack, modification="a word never asked before: tartan")
    metrics = stack.rest.get("/metrics").text
    for line in (
        'recompose_dependency_calls_total{dependency="triton",outcome="ok"}',
        'recompose_dependency_calls_total{dependency="qdrant",outcome="ok"}',
        'recompose_dependency_calls_total{dependency="redis",outcome="ok"}',
        'recompose_requests_total{code="200",edge="rest",method="Search"}',
        'recompose_cache_lookups_total{outcome="miss"}',
        "recompose_ready 1.0",
    ):
        assert line in metrics


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
