"""What writes leave behind: every point, its payload and its vectors, after each scenario."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from grpc import StatusCode
from qdrant_client import QdrantClient, models

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.congruence.filter_cases import COMBINED
from tests.integration.qdrant_edge_server.congruence.scenario import (
    Scenario,
    everything,
    plain,
)

NAMED: list[Any] = [10, catalog.point_uuid(3)]
SHOULD = COMBINED["should"]
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


def _point(id_: int | str, seed: int, **payload: Any) -> models.PointStruct:
    return models.PointStruct(id=id_, vector=catalog.vectors(seed), payload=payload)


def _then_all(*writes: Callable[[QdrantClient, str], Any]) -> Scenario:
    """Do the writes one after another; the answer is all that is there then."""

    def ask(client: QdrantClient, name: str) -> Any:
        for write in writes:
            write(client, name)
        return everything(client, name)

    return Scenario(ask)


def _upsert(*points: models.PointStruct, **options: Any) -> Callable[[QdrantClient, str], Any]:
    return lambda client, name: client.upsert(name, list(points), wait=True, **options)


WRITES: dict[str, Scenario] = {
    "upsert new and known": _then_all(_upsert(*catalog.points(20, start=20))),
    "upsert replaces all of a point": _then_all(
        _upsert(_point(catalog.point_uuid(3), 99, color="gold"))
    ),
    "upsert without payload": _then_all(
        _upsert(models.PointStruct(id=10, vector=catalog.vectors(1)))
    ),
    "upsert twice one id": _then_all(_upsert(_point(5, 1, n=1), _point(5, 2, n=2))),
    "upsert with one vector only": _then_all(
        _upsert(models.PointStruct(id=77, vector={"pool": catalog.vectors(1)["pool"]}, payload={}))
    ),
    "upsert known ones only": _then_all(
        _upsert(_point(0, 5, n=1), _point(500, 5), update_mode=models.UpdateMode.UPDATE_ONLY)
    ),
    "upsert new ones only": _then_all(
        _upsert(_point(0, 5, n=1), _point(500, 5), update_mode=models.UpdateMode.INSERT_ONLY)
    ),
    "upsert where a condition is met": _then_all(
        _upsert(_point(0, 5, n=1), _point(10, 6, n=2), update_filter=SHOULD)
    ),
    "delete by ids": _then_all(lambda c, n: c.delete(n, [*NAMED, 12345], wait=True)),
    **{
        f"delete by filter: {kind}": _then_all(
            lambda c, n, chosen=chosen: c.delete(n, models.FilterSelector(filter=chosen), wait=True)  # type: ignore[misc]
        )
        for kind, chosen in COMBINED.items()
    },
    "set payload by ids": _then_all(
        lambda c, n: c.set_payload(n, {"color": "gold", "new": [1, None]}, points=NAMED)
    ),
    "set payload by filter": _then_all(
        lambda c, n: c.set_payload(n, {"color": "gold", "new": [1, None]}, points=SHOULD)
    ),
    "set payload under a key": _then_all(
        lambda c, n: c.set_payload(n, {"since": 1}, points=NAMED, key="maker")
    ),
    "set payload under a new key": _then_all(
        lambda c, n: c.set_payload(n, {"x": 1}, points=NAMED, key="made.by")
    ),
    "overwrite payload": _then_all(
        lambda c, n: c.overwrite_payload(n, {"color": "plum"}, points=NAMED)
    ),
    "overwrite payload by filter": _then_all(
        lambda c, n: c.overwrite_payload(n, {"color": "plum"}, points=SHOULD)
    ),
    "delete payload": _then_all(
        lambda c, n: c.delete_payload(n, ["price", "maker.country", "nowhere"], points=NAMED)
    ),
    "delete payload by filter": _then_all(
        lambda c, n: c.delete_payload(n, ["color", "sizes"], points=SHOULD)
    ),
    "json of every kind": _then_all(lambda c, n: c.overwrite_payload(n, JSON, points=[10])),
    "filters see what was written": Scenario(
        lambda c, n: [
            c.set_payload(n, {"color": "gold"}, points=NAMED) and None,
            sorted(str(p.id) for p in c.scroll(n, scroll_filter=_gold(), limit=99)[0]),
            sorted([str(h.value), h.count] for h in c.facet(n, "color", limit=20).hits),
            [
                plain(h)
                for h in c.query_points(n, NAMED[1], using="pool", query_filter=_gold()).points
            ],
        ]
    ),
}


def _gold() -> models.Filter:
    return models.Filter(
        must=[models.FieldCondition(key="color", match=models.MatchValue(value="gold"))]
    )


_ROW = [0.5] * catalog.DIM
_BAD_VECTORS: dict[str, dict[str, Any]] = {
    "ragged": {"tokens": [_ROW, _ROW[:-1]]},
    "ragged, long": {"tokens": [_ROW, [*_ROW, 0.1]]},
    "short rows": {"tokens": [_ROW[:-1]] * 2},
    "short": {"pool": _ROW[:-1]},
    "long": {"pool": [*_ROW, 0.1]},
    "empty": {"pool": []},
    "without a row": {"tokens": []},
    "rows for one": {"pool": [_ROW, _ROW]},
    "of an unknown name": {"other": _ROW},
}

BAD_WRITES: dict[str, Scenario] = {
    **{
        f"upsert, a vector is {kind}": Scenario(
            _upsert(models.PointStruct(id=999, vector={**catalog.vectors(1), **bad}, payload={})),
            StatusCode.INVALID_ARGUMENT,
        )
        for kind, bad in _BAD_VECTORS.items()
    },
    "upsert, not a number": Scenario(
        _upsert(models.PointStruct(id=999, vector={"pool": [math.nan, *_ROW[1:]]}, payload={})),
        StatusCode.INVALID_ARGUMENT,
    ),
    "upsert nothing": Scenario(_upsert(), StatusCode.INVALID_ARGUMENT),
    "set payload, a point is missing": Scenario(
        lambda c, n: c.set_payload(n, {"a": 1}, points=[*NAMED, 12345]), StatusCode.NOT_FOUND
    ),
    "write to a collection that is not there": Scenario(
        lambda c, n: c.upsert(f"{n}_not_there", catalog.points(1), wait=True), StatusCode.NOT_FOUND
    ),
}
