"""qdrant.Points, the calls that write: one method a call, message in, message out.

Each checks the whole request before the engine sees any of it; see guards.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as edge

from qdrant_edge_server.collection import Collection
from qdrant_edge_server.convert_filter import check_path, filter_from_wire, optional_filter
from qdrant_edge_server.convert_index import index_schema
from qdrant_edge_server.convert_payload import payload_from_wire
from qdrant_edge_server.convert_points import points_from_wire, selected_ids
from qdrant_edge_server.errors import InvalidRequest, NotFound
from qdrant_edge_server.guards import PointId
from qdrant_edge_server.offered import only
from qdrant_edge_server.store import Store
from qdrant_edge_server.stubs import wire

_UPDATE_MODES = {
    wire.UpdateMode.Upsert: edge.UpdateMode.Upsert,
    wire.UpdateMode.InsertOnly: edge.UpdateMode.InsertOnly,
    wire.UpdateMode.UpdateOnly: edge.UpdateMode.UpdateOnly,
}
# What every write may carry. One node holds every point, so any `ordering` is kept; a write is
# done before its answer, so a `timeout` is the call's deadline.
_COMMON = ("collection_name", "wait", "ordering", "timeout")


class PointsWrites:
    """Upserts, deletions, payloads and payload indexes. Raises `Refusal` when it will not."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def upsert(self, request: wire.UpsertPoints) -> wire.PointsOperationResponse:
        only(request, *_COMMON, "points", "update_filter", "update_mode")
        collection = self._store.get(request.collection_name)
        if not request.points:
            raise InvalidRequest("Wrong input: an upsert needs at least one point.")
        operation = edge.UpdateOperation.upsert_points(
            points_from_wire(request.points, collection.schemas),
            optional_filter(request, "update_filter"),
            _UPDATE_MODES[request.update_mode] if request.HasField("update_mode") else None,
        )
        return _apply(collection, operation, request, points=len(request.points))

    def delete(self, request: wire.DeletePoints) -> wire.PointsOperationResponse:
        only(request, *_COMMON, "points")
        collection = self._store.get(request.collection_name)
        operation = _for_selection(
            request.points,
            edge.UpdateOperation.delete_points,
            edge.UpdateOperation.delete_points_by_filter,
        )
        return _apply(collection, operation, request, points=len(request.points.points.ids))

    def set_payload(self, request: wire.SetPayloadPoints) -> wire.PointsOperationResponse:
        return self._write_payload(
            request,
            edge.UpdateOperation.set_payload,
            edge.UpdateOperation.set_payload_by_filter,
        )

    def overwrite_payload(self, request: wire.SetPayloadPoints) -> wire.PointsOperationResponse:
        return self._write_payload(
            request,
            edge.UpdateOperation.overwrite_payload,
            edge.UpdateOperation.overwrite_payload_by_filter,
        )

    def _write_payload(
        self,
        request: wire.SetPayloadPoints,
        by_ids: Callable[..., edge.UpdateOperation],
        by_filter: Callable[..., edge.UpdateOperation],
    ) -> wire.PointsOperationResponse:
        only(request, *_COMMON, "payload", "points_selector", "key")
        collection = self._store.get(request.collection_name)
        payload = payload_from_wire(request.payload)
        key = check_path(request.key) if request.HasField("key") else None
        self._check_points_exist(collection, request.points_selector)
        operation = _for_selection(
            request.points_selector,
            lambda ids: by_ids(ids, payload, key),
            lambda chosen: by_filter(chosen, payload, key),
        )
        return _apply(collection, operation, request)

    def delete_payload(self, request: wire.DeletePayloadPoints) -> wire.PointsOperationResponse:
        only(request, *_COMMON, "keys", "points_selector")
        collection = self._store.get(request.collection_name)
        keys = [check_path(key) for key in request.keys]
        self._check_points_exist(collection, request.points_selector)
        operation = _for_selection(
            request.points_selector,
            lambda ids: edge.UpdateOperation.delete_payload(ids, keys),
            lambda chosen: edge.UpdateOperation.delete_payload_by_filter(chosen, keys),
        )
        return _apply(collection, operation, request)

    def create_field_index(
        self, request: wire.CreateFieldIndexCollection
    ) -> wire.PointsOperationResponse:
        only(request, *_COMMON, "field_name", "field_type", "field_index_params")
        collection = self._store.get(request.collection_name)
        operation = edge.UpdateOperation.create_field_index(
            check_path(request.field_name), index_schema(request)
        )
        return _apply(collection, operation, request)

    def delete_field_index(
        self, request: wire.DeleteFieldIndexCollection
    ) -> wire.PointsOperationResponse:
        only(request, *_COMMON, "field_name")
        collection = self._store.get(request.collection_name)
        operation = edge.UpdateOperation.delete_field_index(check_path(request.field_name))
        return _apply(collection, operation, request)

    def _check_points_exist(self, collection: Collection, selector: wire.PointsSelector) -> None:
        """The engine sets payloads up to the first id it misses, so look for them all first."""
        ids = selected_ids(selector)
        if ids and len(collection.read("Get", lambda s: s.retrieve(ids, False, False))) < len(
            set(ids)
        ):
            raise NotFound("Not found: a point of the request does not exist.")


def _for_selection(
    selector: wire.PointsSelector,
    by_ids: Callable[[list[PointId]], edge.UpdateOperation],
    by_filter: Callable[[edge.Filter], edge.UpdateOperation],
) -> edge.UpdateOperation:
    ids = selected_ids(selector)
    return by_filter(filter_from_wire(selector.filter)) if ids is None else by_ids(ids)


def _apply(
    collection: Collection, operation: edge.UpdateOperation, request: Any, *, points: int = 1
) -> wire.PointsOperationResponse:
    number = collection.update(
        operation, durable=request.wait, points=points, size_bytes=request.ByteSize()
    )
    status = wire.UpdateStatus.Completed if request.wait else wire.UpdateStatus.Acknowledged
    return wire.PointsOperationResponse(
        result=wire.UpdateResult(operation_id=number, status=status)
    )
