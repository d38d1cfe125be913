"""What is not offered is refused with a sentence; bad input with INVALID_ARGUMENT."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as wire
from qdrant_client.grpc import points_service_pb2

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.refusals import refused
from tests.support.qdrant import QdrantProcess

VECTOR = [0.1] * catalog.DIM
FUSION = models.FusionQuery(fusion=models.Fusion.RRF)
PREFETCH = models.Prefetch(query=VECTOR, using="pool", limit=5)


@pytest.fixture(scope="module")
def products(client: QdrantClient) -> Iterator[str]:
    catalog.make(client, "refusals", 10)
    yield "refusals"
    client.delete_collection("refusals")


def _where(**condition: Any) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="color", **condition)])


NOT_OFFERED: dict[str, Callable[[QdrantClient, str], Any]] = {
    "fusion": lambda c, n: c.query_points(n, FUSION, prefetch=[PREFETCH, PREFETCH]),
    "recommendation": lambda c, n: c.query_points(
        n, models.RecommendQuery(recommend=models.RecommendInput(positive=[10])), using="pool"
    ),
    "order as a query": lambda c, n: c.query_points(n, models.OrderByQuery(order_by="price")),
    "fusion in a prefetch": lambda c, n: c.query_points(
        n, VECTOR, using="pool", prefetch=models.Prefetch(query=FUSION, prefetch=[PREFETCH])
    ),
    "a sparse query": lambda c, n: c.query_points(
        n, models.SparseVector(indices=[1], values=[1.0]), using="pool"
    ),
    "a lookup elsewhere": lambda c, n: c.query_points(
        n, 10, using="pool", lookup_from=models.LookupLocation(collection=n)
    ),
    "groups": lambda c, n: c.query_points_groups(n, group_by="color", query=VECTOR, using="pool"),
    "text match": lambda c, n: c.count(n, _where(match=models.MatchText(text="red"))),
    "dates": lambda c, n: c.count(n, _where(range=models.DatetimeRange(gt=date(2024, 1, 1)))),
    "geo": lambda c, n: c.count(
        n, _where(geo_radius=models.GeoRadius(center=models.GeoPoint(lon=1, lat=1), radius=1))
    ),
    "more choices of conditions than memory holds": lambda c, n: c.count(
        n,
        models.Filter(
            min_should=models.MinShould(
                conditions=[models.HasIdCondition(has_id=[id_]) for id_ in range(40)], min_count=20
            )
        ),
    ),
    "a slice of the ids": lambda c, n: c.count(
        n, models.Filter(must=[models.SliceCondition(slice=models.Slice(total=2, index=0))])
    ),
    "vector updates": lambda c, n: c.update_vectors(
        n, [models.PointVectors(id=10, vector={"pool": VECTOR})]
    ),
    "a shard key": lambda c, n: c.count(n, shard_key_selector="eu"),
    "a text index": lambda c, n: c.create_payload_index(
        n, "title", models.TextIndexParams(type=models.TextIndexType.TEXT)
    ),
    "an index of prefixes": lambda c, n: c.create_payload_index(
        n, "color", models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, prefix=True)
    ),
}


@pytest.mark.parametrize("case", NOT_OFFERED)
def test_not_offered(client: QdrantClient, products: str, case: str) -> None:
    with refused(StatusCode.UNIMPLEMENTED, "not offered"):
        NOT_OFFERED[case](client, products)


# Local mode takes these; what it refuses too is in the congruence suite.
BAD: dict[str, Callable[[QdrantClient, str], Any]] = {
    "nan": lambda c, n: c.query_points(n, [math.nan, *VECTOR[1:]], using="pool"),
    "oversampling below 1": lambda c, n: c.query_points(
        n,
        VECTOR,
        using="pool",
        search_params=models.SearchParams(
            quantization=models.QuantizationSearchParams(oversampling=0.5)
        ),
    ),
    "nan in a range": lambda c, n: c.count(n, _where(range=models.Range(gt=math.nan))),
    "a bad payload path": lambda c, n: c.retrieve(n, [10], with_payload=["a..b["]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(client: QdrantClient, products: str, case: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "Wrong input"):
        BAD[case](client, products)
    assert client.count(products).count == 10


_ANSWERS = (StatusCode.OK, StatusCode.UNIMPLEMENTED, StatusCode.INVALID_ARGUMENT)


def test_every_method_of_the_service_answers(server: QdrantProcess, products: str) -> None:
    """A method is offered, or UNIMPLEMENTED with a sentence; none is unknown to the server."""
    service = points_service_pb2.DESCRIPTOR.services_by_name["Points"]
    not_offered = []
    with grpc.insecure_channel(f"{server.host}:{server.port}") as channel:
        stub = wire.PointsStub(channel)  # type: ignore[no-untyped-call]
        for method in service.methods:
            request = getattr(wire, method.input_type.name)(collection_name="refusals")
            answer = getattr(stub, method.name).future(request, timeout=5)
            assert answer.code() in _ANSWERS
            if answer.code() == StatusCode.UNIMPLEMENTED:
                assert "is not offered by this server" in answer.details()
                not_offered.append(method.name)
    assert "SearchGroups" in not_offered
    assert not {"Upsert", "Delete", "Get", "Query", "Scroll", "Count", "Facet"} & set(not_offered)


@pytest.mark.parametrize(
    "condition",
    [
        wire.Condition(),
        wire.Condition(field=wire.FieldCondition(key="color")),
        wire.Condition(field=wire.FieldCondition(key="color", match=wire.Match())),
    ],
    ids=["condition", "field", "match"],
)
def test_conditions_that_ask_nothing(
    server: QdrantProcess, products: str, condition: wire.Condition
) -> None:
    request = wire.CountPoints(collection_name=products, filter=wire.Filter(must=[condition]))
    with grpc.insecure_channel(f"{server.host}:{server.port}") as channel:
        answer = wire.PointsStub(channel).Count.future(request, timeout=5)  # type: ignore[no-untyped-call]
        assert answer.code() == StatusCode.INVALID_ARGUMENT
        assert answer.details().startswith("Wrong input")


@pytest.mark.usefixtures("products")
def test_garbage_leaves_the_server_alive(server: QdrantProcess, client: QdrantClient) -> None:
    with grpc.insecure_channel(f"{server.host}:{server.port}") as channel:
        call = channel.unary_unary("/qdrant.Points/Query", bytes, bytes)
        for body in (b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", _nested(200)):
            with pytest.raises(grpc.RpcError) as caught:
                call(body, timeout=5)
            assert caught.value.code() != StatusCode.OK
    assert client.count("refusals").count == 10


def _nested(depth: int) -> bytes:
    """A query whose filter is nested deeper than protobuf reads."""
    inner = b""
    for _ in range(depth):
        condition = b"\x22" + _varint(len(inner)) + inner  # Condition.filter = 4
        inner = b"\x12" + _varint(len(condition)) + condition  # Filter.must = 2
    return b"\x2a" + _varint(len(inner)) + inner  # QueryPoints.filter = 5


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
