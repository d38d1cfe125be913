"""qdrant.Points, the calls that read: one method a call, message in, message out."""

from __future__ import annotations

from functools import partial
from typing import Any

import qdrant_edge as edge

from qdrant_edge_server.collection import Collection
from qdrant_edge_server.convert_filter import check_path, optional_filter
from qdrant_edge_server.convert_points import (
    id_to_wire,
    ids_from_wire,
    payload_selector,
    record_to_wire,
    scored_to_wire,
    vectors_selector,
)
from qdrant_edge_server.convert_query import (
    ReferencedVectors,
    check_query,
    query_from_request,
    referenced_ids,
)
from qdrant_edge_server.errors import InvalidRequest, NotFound
from qdrant_edge_server.guards import PointId, check_positive, point_id, schema_of
from qdrant_edge_server.offered import only
from qdrant_edge_server.store import Store
from qdrant_edge_server.stubs import wire

_DEFAULT_PAGE = 10


class PointsReads:
    """Retrieve, query, scroll, count and facet. Raises `Refusal` for what it will not do."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, request: wire.GetPoints) -> wire.GetResponse:
        only(
            request,
            *("collection_name", "ids", "with_payload", "with_vectors"),
            *("read_consistency", "timeout"),
        )
        collection = self._store.get(request.collection_name)
        ids = ids_from_wire(request.ids)
        payload = payload_selector(request.with_payload)
        vectors = vectors_selector(request.with_vectors, collection.schemas)
        found = collection.read("Get", lambda s: s.retrieve(ids, payload, vectors))
        # The engine answers in an order of its own, and once for an id asked twice.
        records = {str(record.id): record for record in found}
        response = wire.GetResponse()
        for record in (records[str(each)] for each in ids if str(each) in records):
            record_to_wire(record, response.result.add())
        return response

    def query(self, request: wire.QueryPoints) -> wire.QueryResponse:
        response = wire.QueryResponse()
        for hit in self._hits(request):
            scored_to_wire(hit, response.result.add())
        return response

    def query_batch(self, request: wire.QueryBatchPoints) -> wire.QueryBatchResponse:
        only(request, "collection_name", "query_points", "read_consistency", "timeout")
        response = wire.QueryBatchResponse()
        for query in request.query_points:
            # The batch's collection holds for all; a query need not repeat it.
            if query.collection_name not in ("", request.collection_name):
                raise InvalidRequest("Wrong input: a batch asks more than one collection.")
            query.collection_name = request.collection_name
            batch = response.result.add()
            for hit in self._hits(query):
                scored_to_wire(hit, batch.result.add())
        return response

    def _hits(self, request: wire.QueryPoints) -> list[edge.ScoredPoint]:
        check_query(request)
        collection = self._store.get(request.collection_name)
        referenced = _referenced_vectors(request, collection)
        query = query_from_request(request, collection.schemas, referenced)
        return collection.read("Query", lambda shard: shard.query(query))

    def scroll(self, request: wire.ScrollPoints) -> wire.ScrollResponse:
        only(
            request,
            *("collection_name", "filter", "offset", "limit", "with_payload", "with_vectors"),
            *("order_by", "read_consistency", "timeout"),
        )
        collection = self._store.get(request.collection_name)
        ordered = request.HasField("order_by")
        if ordered and request.HasField("offset"):
            raise InvalidRequest(
                "Wrong input: Cannot use an `offset` when using `order_by`. "
                "The alternative for paging is to use `order_by.start_from`."
            )
        limit = request.limit if request.HasField("limit") else _DEFAULT_PAGE
        scroll = edge.ScrollRequest(
            offset=point_id(request.offset) if request.HasField("offset") else None,
            limit=check_positive("limit", limit),
            filter=optional_filter(request),
            with_payload=payload_selector(request.with_payload),
            with_vector=vectors_selector(request.with_vectors, collection.schemas),
            order_by=_order_by(request.order_by) if ordered else None,
        )
        records, next_offset = collection.read("Scroll", lambda shard: shard.scroll(scroll))
        response = wire.ScrollResponse()
        for record in records:
            record_to_wire(record, response.result.add())
        if next_offset is not None:
            id_to_wire(next_offset, response.next_page_offset)
        return response

    def count(self, request: wire.CountPoints) -> wire.CountResponse:
        only(request, "collection_name", "filter", "exact", "read_consistency", "timeout")
        collection = self._store.get(request.collection_name)
        exact = request.exact if request.HasField("exact") else True
        count = edge.CountRequest(exact=exact, filter=optional_filter(request))
        found = collection.read("Count", lambda shard: shard.count(count))
        return wire.CountResponse(result=wire.CountResult(count=found))

    def facet(self, request: wire.FacetCounts) -> wire.FacetResponse:
        only(
            request,
            *("collection_name", "key", "filter", "limit", "exact", "timeout", "read_consistency"),
        )
        collection = self._store.get(request.collection_name)
        facet = edge.FacetRequest(
            key=check_path(request.key),
            limit=check_positive("limit", request.limit if request.HasField("limit") else 10),
            exact=request.exact,
            filter=optional_filter(request),
        )
        response = wire.FacetResponse()
        for hit in collection.read("Facet", lambda shard: shard.facet(facet)).hits:
            response.hits.append(wire.FacetHit(value=_facet_value(hit.value), count=hit.count))
        return response


def _referenced_vectors(request: wire.QueryPoints, collection: Collection) -> ReferencedVectors:
    """The vectors of the points that a query names by id.

    Raises:
        NotFound: there is no such point, or it lacks the vector.
    """
    found: dict[tuple[str, Any], Any] = {}
    for using, wanted in referenced_ids(request):
        schema_of(using, collection.schemas)
        vectors = collection.read("Query", partial(_vectors_of, wanted, using))
        if not vectors:
            raise NotFound("Not found: No point with the id of the query, or without its vector.")
        found[using, wanted] = vectors[using] if isinstance(vectors, dict) else vectors
    return found


def _vectors_of(wanted: PointId, using: str, shard: edge.EdgeShard) -> Any:
    records = shard.retrieve([wanted], False, [using])
    return records[0].vector if records else None


def _order_by(message: wire.OrderBy) -> edge.OrderBy:
    direction = edge.Direction.Desc if message.direction == wire.Direction.Desc else None
    start = None
    if message.HasField("start_from"):
        only(message.start_from, "float", "integer")
        start = getattr(message.start_from, message.start_from.WhichOneof("value") or "float")
    return edge.OrderBy(check_path(message.key), direction or edge.Direction.Asc, start)


def _facet_value(value: str | int | bool) -> wire.FacetValue:
    if isinstance(value, bool):
        return wire.FacetValue(bool_value=value)
    if isinstance(value, int):
        return wire.FacetValue(integer_value=value)
    return wire.FacetValue(string_value=value)
