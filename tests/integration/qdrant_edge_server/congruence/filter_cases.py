"""Filters: every kind of condition on every payload type, and how conditions combine."""

from __future__ import annotations

from typing import Any

from qdrant_client import QdrantClient, models
from qdrant_client.models import FieldCondition, Filter, MatchAny, MatchExcept, MatchValue, Range

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.congruence.scenario import Scenario, plain

COUNT = 120

# A field of each payload type; `catalog.INDEXES` says which have a payload index. "mixed" holds
# another type in every product: null, empty, a list with a null and an object among them.
FIELDS = {
    "keyword": "color",
    "float": "price",
    "integer, some missing": "stock",
    "boolean": "sale",
    "list of keywords": "sizes",
    "keyword within an object": "maker.country",
    "integer within an object": "maker.since",
    "object": "maker",
    "list of objects": "parts",
    "keyword within a list of objects": "parts[].name",
    "integer within a list of objects": "parts[].count",
    "of every type": "mixed",
    "item of a list": "sizes[1]",
    "not there": "nowhere",
}
CONDITIONS: dict[str, dict[str, Any]] = {
    "keyword": {"match": MatchValue(value="red")},
    "integer": {"match": MatchValue(value=3)},
    "true": {"match": MatchValue(value=True)},
    "false": {"match": MatchValue(value=False)},
    "any keyword": {"match": MatchAny(any=["red", "m", "pt", "hood"])},
    "any integer": {"match": MatchAny(any=[1, 2, 1903])},
    "any of none": {"match": MatchAny(any=[])},
    "except keywords": {"match": MatchExcept(**{"except": ["red", "m", "pt", "hood"]})},
    "except integers": {"match": MatchExcept(**{"except": [0, 1]})},
    "range": {"range": Range(gte=1.0, lte=90.0)},
    "open range": {"range": Range(gt=1.0, lt=1950.0)},
    "one-sided range": {"range": Range(gt=2.0)},
    "empty range": {"range": Range(gt=5.0, lt=1.0)},
    "one value": {"values_count": models.ValuesCount(gte=1, lte=1)},
    "values": {"values_count": models.ValuesCount(gt=1)},
    "no values": {"values_count": models.ValuesCount(lt=1)},
    "is empty": {"is_empty": True},
    "is not empty": {"is_empty": False},
    "is null": {"is_null": True},
    "is not null": {"is_null": False},
}

RED = FieldCondition(key="color", match=MatchValue(value="red"))
BLUE = FieldCondition(key="color", match=MatchValue(value="blue"))
CHEAP = FieldCondition(key="price", range=Range(lt=60.0))
ON_SALE = FieldCondition(key="sale", match=MatchValue(value=True))
HOOD = FieldCondition(key="name", match=MatchValue(value="hood"))
FIRST = FieldCondition(key="count", match=MatchValue(value=0))


def _nested(key: str, chosen: Filter) -> models.NestedCondition:
    return models.NestedCondition(nested=models.Nested(key=key, filter=chosen))


COMBINED: dict[str, Filter] = {
    "has id": Filter(must=[models.HasIdCondition(has_id=[10, 20, catalog.point_uuid(3), 999])]),
    "has no id": Filter(must=[models.HasIdCondition(has_id=[])]),
    "has vector": Filter(must=[models.HasVectorCondition(has_vector="pool")]),
    "has not the vector": Filter(must_not=[models.HasVectorCondition(has_vector="pool")]),
    "has a vector that is not there": Filter(must=[models.HasVectorCondition(has_vector="x")]),
    "is empty": Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="stock"))]),
    "is null": Filter(must=[models.IsNullCondition(is_null=models.PayloadField(key="color"))]),
    "must and must": Filter(must=[RED, CHEAP]),
    "should": Filter(should=[RED, BLUE]),
    "must not": Filter(must_not=[RED, ON_SALE]),
    "all three": Filter(must=[CHEAP], should=[RED, ON_SALE], must_not=[BLUE]),
    "min should": Filter(
        min_should=models.MinShould(conditions=[RED, CHEAP, ON_SALE], min_count=2)
    ),
    "min should of all": Filter(
        min_should=models.MinShould(conditions=[RED, CHEAP, ON_SALE], min_count=3)
    ),
    "min should of more than all": Filter(
        min_should=models.MinShould(conditions=[RED, CHEAP], min_count=2**40)
    ),
    "filters in filters": Filter(
        must=[Filter(should=[RED, Filter(must=[BLUE, Filter(must_not=[ON_SALE])])])],
        must_not=[Filter(must=[CHEAP, ON_SALE])],
    ),
    "nested, both in one object": Filter(must=[_nested("parts", Filter(must=[HOOD, FIRST]))]),
    "nested, by brackets": Filter(must=[_nested("parts[]", Filter(must=[HOOD, FIRST]))]),
    "nested, none such": Filter(must_not=[_nested("parts", Filter(must=[HOOD, FIRST]))]),
    "nested, not this": Filter(must=[_nested("parts", Filter(must_not=[HOOD]))]),
    "nested should": Filter(must=[_nested("parts", Filter(should=[HOOD, FIRST]))]),
    "nested in no list": Filter(must=[_nested("maker", Filter(must_not=[HOOD]))]),
    "not nested, in any object": Filter(
        must=[
            FieldCondition(key="parts[].name", match=MatchValue(value="hood")),
            FieldCondition(key="parts[].count", match=MatchValue(value=0)),
        ]
    ),
    "empty": Filter(),
}


def _chosen(client: QdrantClient, name: str, chosen: Filter) -> Any:
    """Who is chosen, how many are counted, and how the chosen rank."""
    points, _ = client.scroll(name, scroll_filter=chosen, limit=COUNT, with_payload=False)
    hits = client.query_points(
        name, catalog.query_vector(0), using="pool", query_filter=chosen, limit=COUNT
    ).points
    return {
        "points": sorted(str(point.id) for point in points),
        "count": client.count(name, count_filter=chosen, exact=True).count,
        "hits": [plain(hit) for hit in hits],
    }


def _scenario(chosen: Filter) -> Scenario:
    return Scenario(lambda client, name: _chosen(client, name, chosen))


FILTERS: dict[str, Filter] = {
    **{
        f"{kind}: {condition}": Filter(must=[FieldCondition(key=key, **asked)])
        for kind, key in FIELDS.items()
        for condition, asked in CONDITIONS.items()
    },
    **{f"combined: {kind}": chosen for kind, chosen in COMBINED.items()},
}
FILTER_CASES: dict[str, Scenario] = {kind: _scenario(chosen) for kind, chosen in FILTERS.items()}
