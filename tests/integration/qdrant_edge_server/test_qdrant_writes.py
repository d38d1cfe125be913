"""A refused write leaves nothing; what served ones leave is in the congruence suite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as wire

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.congruence.scenario import everything
from tests.integration.qdrant_edge_server.refusals import refused
from tests.support.qdrant import QdrantProcess

JSON = {
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


@pytest.fixture
def products(client: QdrantClient, name: str) -> str:
    catalog.make(client, name, 30)
    return name


@contextmanager
def nothing_written(client: QdrantClient, name: str) -> Iterator[None]:
    before = everything(client, name)
    yield
    assert everything(client, name) == before


def test_json_of_every_kind_comes_back(client: QdrantClient, products: str) -> None:
    client.overwrite_payload(products, JSON, points=[10])
    back = client.retrieve(products, [10])[0].payload
    assert back == JSON
    assert isinstance(back["whole"], float)
    assert back["yes"] is True


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
def test_a_bad_vector_refuses_the_whole_batch(
    client: QdrantClient, products: str, case: str
) -> None:
    batch = catalog.points(8, start=100)
    batch.append(models.PointStruct(id=999, vector=BAD_VECTORS[case], payload={}))
    with nothing_written(client, products), refused(StatusCode.INVALID_ARGUMENT, "Wrong input"):
        client.upsert(products, batch, wait=True)


@pytest.mark.parametrize(
    "id_",
    [wire.PointId(uuid="not-a-uuid"), wire.PointId()],
    ids=["no uuid", "empty"],
)
def test_a_bad_id_refuses_the_whole_batch(
    server: QdrantProcess, client: QdrantClient, products: str, id_: wire.PointId
) -> None:
    request = wire.UpsertPoints(
        collection_name=products,
        wait=True,
        points=[_wire_point(wire.PointId(num=400)), _wire_point(id_)],
    )
    with (
        nothing_written(client, products),
        grpc.insecure_channel(f"{server.host}:{server.port}") as channel,
    ):
        answer = wire.PointsStub(channel).Upsert.future(request, timeout=5)  # type: ignore[no-untyped-call]
        assert answer.code() == StatusCode.INVALID_ARGUMENT
        assert "not-a-uuid" not in answer.details()


def test_a_payload_number_that_json_lacks(client: QdrantClient, products: str) -> None:
    with nothing_written(client, products), refused(StatusCode.INVALID_ARGUMENT):
        client.set_payload(products, {"price": math.nan}, points=[10])


def test_a_payload_for_a_missing_point_changes_none(client: QdrantClient, products: str) -> None:
    some_missing: list[Any] = [10, 12345]
    with nothing_written(client, products):
        with refused(StatusCode.NOT_FOUND):
            client.set_payload(products, {"a": 1}, points=some_missing)
        with refused(StatusCode.NOT_FOUND):
            client.overwrite_payload(products, {"a": 1}, points=some_missing)
        with refused(StatusCode.NOT_FOUND):
            client.delete_payload(products, ["color"], points=some_missing)


def _wire_point(id_: wire.PointId) -> wire.PointStruct:
    vector = wire.Vector(dense=wire.DenseVector(data=_ROW))
    return wire.PointStruct(
        id=id_, vectors=wire.Vectors(vectors=wire.NamedVectors(vectors={"pool": vector}))
    )
