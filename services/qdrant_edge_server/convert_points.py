"""Points, ids and selectors between the wire and the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import qdrant_edge as edge

from qdrant_edge_server.convert_filter import check_path
from qdrant_edge_server.convert_payload import payload_from_wire, payload_to_wire
from qdrant_edge_server.convert_vector import vectors_from_wire, vectors_to_wire
from qdrant_edge_server.errors import InvalidRequest, NotOffered
from qdrant_edge_server.guards import PointId, point_id, schema_of
from qdrant_edge_server.schema import VectorSchema
from qdrant_edge_server.stubs import wire


def points_from_wire(
    points: Iterable[wire.PointStruct], schemas: Mapping[str, VectorSchema]
) -> list[edge.Point]:
    """Points to upsert, every one of them checked before the first is handed to the engine.

    Raises:
        InvalidRequest: a bad id, vector or payload number in any point.
        NotOffered: a sparse vector, or something to embed.
    """
    return [
        edge.Point(
            point_id(point.id),
            vectors_from_wire(point.vectors, schemas),
            payload_from_wire(point.payload),
        )
        for point in points
    ]


def ids_from_wire(ids: Iterable[wire.PointId]) -> list[PointId]:
    """Point ids in the order given."""
    return [point_id(item) for item in ids]


def id_to_wire(value: Any, target: wire.PointId) -> None:
    """Write an engine id (int or UUID) into `target`."""
    if isinstance(value, int):
        target.num = value
    else:
        target.uuid = str(value)


def scored_to_wire(hit: edge.ScoredPoint, target: wire.ScoredPoint) -> None:
    """Write one hit of a query into `target`."""
    target.score = hit.score
    target.version = hit.version
    _common_to_wire(hit, target)


def record_to_wire(record: edge.Record, target: wire.RetrievedPoint) -> None:
    """Write one retrieved point into `target`."""
    _common_to_wire(record, target)


def _common_to_wire(
    point: edge.ScoredPoint | edge.Record, target: wire.ScoredPoint | wire.RetrievedPoint
) -> None:
    id_to_wire(point.id, target.id)
    if point.payload:
        payload_to_wire(point.payload, target, "payload")
    if point.vector:
        vectors_to_wire(point.vector, target.vectors)
    if isinstance(point.order_value, int):
        target.order_value.int = point.order_value
    elif point.order_value is not None:
        target.order_value.float = point.order_value


def payload_selector(message: wire.WithPayloadSelector) -> Any:
    """What of the payload to return: a flag, or the engine's selector.

    Raises:
        InvalidRequest: a bad payload path.
    """
    match message.WhichOneof("selector_options"):
        case "include":
            return edge.PayloadSelector.Include([check_path(p) for p in message.include.fields])
        case "exclude":
            return edge.PayloadSelector.Exclude([check_path(p) for p in message.exclude.fields])
        case _:
            return message.enable


def vectors_selector(
    message: wire.WithVectorsSelector, schemas: Mapping[str, VectorSchema]
) -> bool | list[str]:
    """Which vectors to return: a flag or names.

    Raises:
        InvalidRequest: a name the collection does not have.
    """
    if message.WhichOneof("selector_options") != "include":
        return message.enable
    for name in message.include.names:
        schema_of(name, schemas)
    return list(message.include.names)


def selected_ids(selector: wire.PointsSelector) -> list[PointId] | None:
    """The ids of a selector, or None where it holds a filter.

    Raises:
        InvalidRequest: it holds neither.
    """
    match selector.WhichOneof("points_selector_one_of"):
        case "points":
            return ids_from_wire(selector.points.ids)
        case "filter":
            return None
        case None:
            raise InvalidRequest("Wrong input: a points selector is empty.")
        case kind:
            raise NotOffered(f"PointsSelector.{kind} is not offered by this server.")
