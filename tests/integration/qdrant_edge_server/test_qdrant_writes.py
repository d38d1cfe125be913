"""Writes leave what qdrant-client's local mode leaves, and refused ones leave nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as wire

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.oracle import Pair
from tests.integration.qdrant_edge_server.refusals import refused
from tests.support.qdrant import QdrantProcess

RED = models.Filter(must=[models.FieldCondition(key="color", match=models.MatchValue(value="red"))])


@pytest.fixture
def pair(client: QdrantClient, name: str) -> Iterator[Pair]:
    local = QdrantClient(":memory:")
    pair = Pair(client, local, name)
    pair.write(lambda each: catalog.make(each, name, 30))
    yield pair
    local.close()


def test_upsert_adds_and_replaces(pair: Pair) -> None:
    pair.write(lambda each: each.upsert(pair.name, catalog.points(20, start=20), wait=True))
    replaced = models.PointStruct(
        id=catalog.point_uuid(3), vector=catalog.vectors(99), payload={"color": "gold"}
    )
    pair.write(lambda each: each.upsert(pair.name, [replaced], wait=True))
    assert len(pair.same_points()) == 40


def test_the_last_of_two_points_with_one_id_stays(pair: Pair) -> None:
    twice = [
        models.PointStruct(id=5, vector=catalog.vectors(number), payload={"n": number})
        for number in (1, 2)
    ]
    pair.write(lambda each: each.upsert(pair.name, twice, wait=True))
    assert len(pair.same_points()) == 31
    assert pair.served.retrieve(pair.name, [5])[0].payload == {"n": 2}


def test_a_point_may_lack_a_vector(pair: Pair) -> None:
    lacking = models.PointStruct(
        id=77, vector={"pool": catalog.vectors(1)["pool"]}, payload={"color": "red"}
    )
    pair.write(lambda each: each.upsert(pair.name, [lacking], wait=True))
    pair.same_points()
    hits = pair.same_hits([catalog.query_vector(0)], using="tokens", limit=100)
    assert 77 not in [hit.id for hit in hits]


def test_delete_by_id_and_by_filter(pair: Pair) -> None:
    gone: list[Any] = [10, catalog.point_uuid(3), 12345]
    pair.write(lambda each: each.delete(pair.name, gone, wait=True))
    assert len(pair.same_points()) == 28
    pair.write(lambda each: each.delete(pair.name, models.FilterSelector(filter=RED), wait=True))
    assert 0 < len(pair.same_points()) < 28


@pytest.mark.parametrize("points", [[10, catalog.point_uuid(3)], RED], ids=["ids", "filter"])
def test_payloads(pair: Pair, points: Any) -> None:
    name = pair.name
    pair.write(lambda c: c.set_payload(name, {"color": "gold", "new": [1, None]}, points=points))
    pair.same_points()
    pair.write(lambda c: c.set_payload(name, {"since": 1}, points=[10], key="maker"))
    pair.same_points()
    pair.write(lambda c: c.delete_payload(name, ["price", "maker.country"], points=[10, 20]))
    pair.same_points()
    pair.write(lambda c: c.overwrite_payload(name, {"color": "plum"}, points=[10]))
    pair.same_points()
    assert pair.served.retrieve(name, [10])[0].payload == {"color": "plum"}


def test_json_of_every_kind_comes_back(pair: Pair) -> None:
    payload = {
        "text": "naïve 🧥 עברית",
        "big": 2**63 - 1,
        "negative": -(2**63),
        "tiny": 5e-324,
        "whole": 2.0,
        "yes": True,
        "nothing": None,
        "empty": [],
        "none": {},
        "deep": [{"a": [[1, "2", None, {"b": False}]]}],
    }
    pair.write(lambda each: each.overwrite_payload(pair.name, payload, points=[10]))
    back = pair.served.retrieve(pair.name, [10])[0].payload
    assert back == payload
    assert isinstance(back["whole"], float)
    assert back["yes"] is True


def test_update_mode_and_condition(client: QdrantClient, name: str) -> None:
    catalog.make(client, name, 10)
    changed = [
        models.PointStruct(id=0, vector=catalog.vectors(5), payload={"n": 1}),
        models.PointStruct(id=500, vector=catalog.vectors(5), payload={"n": 1}),
    ]
    client.upsert(name, changed, wait=True, update_mode=models.UpdateMode.UPDATE_ONLY)
    assert client.retrieve(name, [500]) == []
    assert client.retrieve(name, [0])[0].payload == {"n": 1}
    newer = [models.PointStruct(id=0, vector=catalog.vectors(6), payload={"n": 2})]
    client.upsert(name, newer, wait=True, update_mode=models.UpdateMode.INSERT_ONLY)
    assert client.retrieve(name, [0])[0].payload == {"n": 1}
    unmet = models.Filter(must=[models.FieldCondition(key="n", match=models.MatchValue(value=7))])
    client.upsert(name, newer, wait=True, update_filter=unmet)
    assert client.retrieve(name, [0])[0].payload == {"n": 1}


def _changed(**vectors: Any) -> dict[str, Any]:
    return {**catalog.vectors(1), **vectors}


_ROW = [0.5] * catalog.DIM
BAD_VECTORS = {
    "ragged": _changed(tokens=[_ROW, _ROW[:-1]]),
    "ragged, long": _changed(tokens=[_ROW, [*_ROW, 0.1]]),
    "short rows": _changed(tokens=[_ROW[:-1]] * 2),
    "short": _changed(pool=_ROW[:-1]),
    "long": _changed(pool=[*_ROW, 0.1]),
    "empty": _changed(pool=[]),
    "not a number": _changed(pool=[math.nan, *_ROW[1:]]),
    "infinite": _changed(pool=[math.inf, *_ROW[1:]]),
    "not a number in a row": _changed(tokens=[_ROW, [*_ROW[1:], math.nan]]),
    "infinities that cancel": _changed(pool=[math.inf, -math.inf, *_ROW[2:]]),
    "rows for one vector": _changed(pool=[_ROW, _ROW]),
    "unknown name": _changed(other=_ROW),
}


@pytest.mark.parametrize("case", BAD_VECTORS)
def test_a_bad_vector_refuses_the_whole_batch(pair: Pair, case: str) -> None:
    batch = catalog.points(8, start=100)
    batch.append(models.PointStruct(id=999, vector=BAD_VECTORS[case], payload={}))
    with refused(StatusCode.INVALID_ARGUMENT, "Wrong input"):
        pair.served.upsert(pair.name, batch, wait=True)
    assert len(pair.same_points()) == 30


@pytest.mark.parametrize(
    "id_",
    [wire.PointId(uuid="not-a-uuid"), wire.PointId()],
    ids=["no uuid", "empty"],
)
def test_a_bad_id_refuses_the_whole_batch(
    server: QdrantProcess, pair: Pair, id_: wire.PointId
) -> None:
    request = wire.UpsertPoints(
        collection_name=pair.name,
        wait=True,
        points=[_wire_point(wire.PointId(num=400)), _wire_point(id_)],
    )
    with grpc.insecure_channel(f"{server.host}:{server.port}") as channel:
        answer = wire.PointsStub(channel).Upsert.future(request, timeout=5)  # type: ignore[no-untyped-call]
        assert answer.code() == StatusCode.INVALID_ARGUMENT
        assert "not-a-uuid" not in answer.details()
    assert len(pair.same_points()) == 30


def test_a_payload_number_that_json_lacks(pair: Pair) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        pair.served.set_payload(pair.name, {"price": math.nan}, points=[10])
    pair.same_points()


def test_a_payload_for_a_missing_point_changes_none(pair: Pair) -> None:
    some_missing: list[Any] = [10, 12345]
    with refused(StatusCode.NOT_FOUND):
        pair.served.set_payload(pair.name, {"a": 1}, points=some_missing)
    with refused(StatusCode.NOT_FOUND):
        pair.served.overwrite_payload(pair.name, {"a": 1}, points=some_missing)
    with refused(StatusCode.NOT_FOUND):
        pair.served.delete_payload(pair.name, ["color"], points=some_missing)
    pair.same_points()


def _wire_point(id_: wire.PointId) -> wire.PointStruct:
    vector = wire.Vector(dense=wire.DenseVector(data=_ROW))
    return wire.PointStruct(
        id=id_, vectors=wire.Vectors(vectors=wire.NamedVectors(vectors={"pool": vector}))
    )
