"""Filters, scrolls, counts and facets answer as qdrant-client's local mode does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.models import FieldCondition, Filter, MatchAny, MatchExcept, MatchValue, Range

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.oracle import Pair, same_vectors

COUNT = 120


@pytest.fixture(scope="module")
def pair(client: QdrantClient) -> Iterator[Pair]:
    local = QdrantClient(":memory:")
    pair = Pair(client, local, "congruence_filters")
    pair.write(lambda each: catalog.make(each, pair.name, COUNT))
    yield pair
    client.delete_collection(pair.name)
    local.close()


RED = FieldCondition(key="color", match=MatchValue(value="red"))
BLUE = FieldCondition(key="color", match=MatchValue(value="blue"))
CHEAP = FieldCondition(key="price", range=Range(lt=60.0))
ON_SALE = FieldCondition(key="sale", match=MatchValue(value=True))

FILTERS = {
    "keyword": Filter(must=[RED]),
    "keyword not there": Filter(must=[FieldCondition(key="color", match=MatchValue(value="x"))]),
    "integer": Filter(must=[FieldCondition(key="stock", match=MatchValue(value=3))]),
    "boolean": Filter(must=[ON_SALE]),
    "any keyword": Filter(must=[FieldCondition(key="color", match=MatchAny(any=["red", "green"]))]),
    "any integer": Filter(must=[FieldCondition(key="stock", match=MatchAny(any=[1, 2]))]),
    "no keyword": Filter(must=[FieldCondition(key="color", match=MatchAny(any=[]))]),
    "except keyword": Filter(
        must=[FieldCondition(key="color", match=MatchExcept(**{"except": ["red", "blue"]}))]
    ),
    "except integer": Filter(
        must=[FieldCondition(key="stock", match=MatchExcept(**{"except": [0, 1]}))]
    ),
    "within a list": Filter(must=[FieldCondition(key="sizes", match=MatchValue(value="m"))]),
    "nested path": Filter(must=[FieldCondition(key="maker.country", match=MatchValue(value="pt"))]),
    "range": Filter(must=[FieldCondition(key="price", range=Range(gte=15.0, lte=90.0))]),
    "open range": Filter(must=[FieldCondition(key="price", range=Range(gt=15.0, lt=90.0))]),
    "range of integers": Filter(must=[FieldCondition(key="stock", range=Range(gte=5))]),
    "values count": Filter(
        must=[FieldCondition(key="sizes", values_count=models.ValuesCount(gte=2))]
    ),
    "has id": Filter(must=[models.HasIdCondition(has_id=[10, 20, catalog.point_uuid(3), 999])]),
    "is empty": Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="stock"))]),
    "is empty list": Filter(
        must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="sizes"))]
    ),
    "is null": Filter(must=[models.IsNullCondition(is_null=models.PayloadField(key="color"))]),
    "is not null": Filter(
        must_not=[models.IsNullCondition(is_null=models.PayloadField(key="color"))]
    ),
    "must and must": Filter(must=[RED, CHEAP]),
    "should": Filter(should=[RED, BLUE]),
    "must not": Filter(must_not=[RED, ON_SALE]),
    "all three": Filter(must=[CHEAP], should=[RED, ON_SALE], must_not=[BLUE]),
    "min should": Filter(
        min_should=models.MinShould(conditions=[RED, CHEAP, ON_SALE], min_count=2)
    ),
    "nested filters": Filter(
        must=[Filter(should=[RED, Filter(must=[BLUE, Filter(must_not=[ON_SALE])])])],
        must_not=[Filter(must=[CHEAP, ON_SALE])],
    ),
    "empty": Filter(),
}


@pytest.mark.parametrize("case", FILTERS)
def test_filter(pair: Pair, case: str) -> None:
    chosen = FILTERS[case]
    served, _ = pair.served.scroll(pair.name, scroll_filter=chosen, limit=COUNT)
    local, _ = pair.local.scroll(pair.name, scroll_filter=chosen, limit=COUNT)
    assert {point.id for point in served} == {point.id for point in local}
    count = pair.served.count(pair.name, count_filter=chosen, exact=True).count
    assert count == len(local)
    pair.same_hits(catalog.query_vector(0), using="pool", query_filter=chosen, limit=COUNT)


def test_the_cases_choose_something_and_not_everything() -> None:
    everything = {"empty"}
    nothing = {"keyword not there", "no keyword"}
    local = QdrantClient(":memory:")
    catalog.make(local, "cases", COUNT)
    for case, chosen in FILTERS.items():
        count = local.count("cases", count_filter=chosen).count
        assert (count == COUNT) == (case in everything), case
        assert (count == 0) == (case in nothing), case
    local.close()


@pytest.mark.parametrize("size", [1, 7, 50, COUNT, COUNT + 1])
def test_scroll_visits_every_point_once(pair: Pair, size: int) -> None:
    seen: list[object] = []
    offset = None
    while True:
        page, offset = pair.served.scroll(pair.name, limit=size, offset=offset, with_payload=False)
        assert len(page) == min(size, COUNT - len(seen))
        seen += [point.id for point in page]
        if offset is None:
            break
    assert len(seen) == len(set(seen)) == COUNT


@pytest.mark.parametrize("direction", list(models.Direction))
@pytest.mark.parametrize("key", ["price", "stock"])
def test_scroll_in_order(pair: Pair, key: str, direction: models.Direction) -> None:
    order = models.OrderBy(key=key, direction=direction)
    served, _ = pair.served.scroll(pair.name, limit=COUNT, order_by=order)
    local, _ = pair.local.scroll(pair.name, limit=COUNT, order_by=order)
    ours = [point.payload[key] for point in served if point.payload]
    assert ours == [point.payload[key] for point in local if point.payload]
    assert len(set(ours)) > 5


def test_scroll_in_order_from_a_value(pair: Pair) -> None:
    order = models.OrderBy(key="price", direction=models.Direction.ASC, start_from=100.5)
    served, _ = pair.served.scroll(pair.name, limit=3, order_by=order)
    assert [point.payload["price"] for point in served if point.payload] == [100.5, 102.0, 103.5]


@pytest.mark.parametrize("key", ["color", "sizes", "stock", "sale"])
@pytest.mark.parametrize("chosen", [None, FILTERS["range"]], ids=["all", "filtered"])
def test_facet(pair: Pair, key: str, chosen: Filter | None) -> None:
    served = pair.served.facet(pair.name, key, facet_filter=chosen, exact=True, limit=20)
    local = pair.local.facet(pair.name, key, facet_filter=chosen, exact=True, limit=20)
    assert {(hit.value, hit.count) for hit in served.hits} == {
        (hit.value, hit.count) for hit in local.hits
    }
    assert len(served.hits) >= 2


def test_facet_limit_keeps_the_most_frequent(pair: Pair) -> None:
    hits = pair.served.facet(pair.name, "stock", exact=True, limit=2).hits
    whole = pair.served.facet(pair.name, "stock", exact=True, limit=20).hits
    assert [hit.count for hit in hits] == sorted((hit.count for hit in whole), reverse=True)[:2]


def test_retrieve_in_the_order_asked(pair: Pair) -> None:
    asked: list[int | str] = [30, catalog.point_uuid(7), 10, catalog.point_uuid(3)]
    served = pair.served.retrieve(pair.name, asked)
    assert sorted(str(point.id) for point in served) == sorted(map(str, asked))
    local = {str(point.id): point.payload for point in pair.local.retrieve(pair.name, asked)}
    assert {str(point.id): point.payload for point in served} == local


def test_retrieve_leaves_out_what_is_not_there(pair: Pair) -> None:
    assert pair.served.retrieve(pair.name, [99_999]) == []
    found = pair.served.retrieve(pair.name, [10, 99_999], with_vectors=["pool"])
    assert [point.id for point in found] == [10]
    same_vectors(found[0].vector, {"pool": catalog.vectors(10)["pool"]}, 1e-6)
