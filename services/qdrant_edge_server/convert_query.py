"""Queries: a `QueryPoints` with its prefetches to the engine's request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import qdrant_edge as edge

from qdrant_edge_server.convert_filter import filter_from_wire
from qdrant_edge_server.convert_points import payload_selector, vectors_selector
from qdrant_edge_server.convert_vector import query_from_wire
from qdrant_edge_server.errors import InvalidRequest
from qdrant_edge_server.guards import PointId, Vector, check_positive, point_id, schema_of
from qdrant_edge_server.offered import only
from qdrant_edge_server.schema import VectorSchema
from qdrant_edge_server.stubs import wire

# (vector name, id) of the points a query names instead of giving numbers, with their vectors.
ReferencedVectors = Mapping[tuple[str, PointId], Vector]

_DEFAULT_LIMIT = 10


def check_query(request: wire.QueryPoints) -> None:
    """Refuse a query that this server would answer otherwise than Qdrant.

    Raises:
        NotOffered: fusion, recommendation, lookups in other collections and the like.
        InvalidRequest: a limit of 0.
    """
    only(
        request,
        *("collection_name", "prefetch", "query", "using", "filter", "params", "score_threshold"),
        *("limit", "offset", "with_vectors", "with_payload", "read_consistency", "timeout"),
    )
    check_positive("limit", request.limit if request.HasField("limit") else _DEFAULT_LIMIT)
    for node in nodes(request):
        if isinstance(node, wire.PrefetchQuery):
            only(
                node,
                *("prefetch", "query", "using", "filter", "params", "score_threshold", "limit"),
            )
        if node.HasField("query"):
            only(node.query, "nearest")
            if not node.query.HasField("nearest"):
                raise InvalidRequest("Wrong input: a query is empty.")


def nodes(
    node: wire.QueryPoints | wire.PrefetchQuery,
) -> Iterator[wire.QueryPoints | wire.PrefetchQuery]:
    """The query and all its prefetches, at any depth."""
    yield node
    for prefetch in node.prefetch:
        yield from nodes(prefetch)


def referenced_ids(request: wire.QueryPoints) -> set[tuple[str, PointId]]:
    """The points, with the vector meant, that the query names by id."""
    return {(node.using, found) for node in nodes(request) for found in _own_id(node)}


def _own_id(node: wire.QueryPoints | wire.PrefetchQuery) -> list[PointId]:
    nearest = node.query.nearest
    return [point_id(nearest.id)] if nearest.WhichOneof("variant") == "id" else []


def query_from_request(
    request: wire.QueryPoints,
    schemas: Mapping[str, VectorSchema],
    referenced: ReferencedVectors,
) -> edge.QueryRequest:
    """The engine's request for a query that `check_query` has passed.

    Args:
        referenced: the vectors of `referenced_ids(request)`.

    Raises:
        InvalidRequest, NotOffered: as the parts of the query demand.
    """
    return edge.QueryRequest(
        limit=request.limit if request.HasField("limit") else _DEFAULT_LIMIT,
        offset=request.offset if request.HasField("offset") else None,
        prefetches=_prefetches(request, schemas, referenced),
        with_vector=vectors_selector(request.with_vectors, schemas),
        with_payload=payload_selector(request.with_payload),
        **_scoring(request, schemas, referenced),
    )


def _prefetches(
    node: wire.QueryPoints | wire.PrefetchQuery,
    schemas: Mapping[str, VectorSchema],
    referenced: ReferencedVectors,
) -> list[edge.Prefetch]:
    if node.prefetch and not node.HasField("query"):
        raise InvalidRequest("Wrong input: a query with a prefetch must say how to rescore it.")
    return [
        edge.Prefetch(
            limit=prefetch.limit if prefetch.HasField("limit") else _DEFAULT_LIMIT,
            prefetches=_prefetches(prefetch, schemas, referenced),
            **_scoring(prefetch, schemas, referenced),
        )
        for prefetch in node.prefetch
    ]


def _scoring(
    node: wire.QueryPoints | wire.PrefetchQuery,
    schemas: Mapping[str, VectorSchema],
    referenced: ReferencedVectors,
) -> dict[str, Any]:
    """What a query and a prefetch have in common."""
    return {
        "query": _nearest(node, schemas, referenced) if node.HasField("query") else None,
        "filter": _filter(node),
        "score_threshold": node.score_threshold if node.HasField("score_threshold") else None,
        "params": _search_params(node.params) if node.HasField("params") else None,
    }


def _nearest(
    node: wire.QueryPoints | wire.PrefetchQuery,
    schemas: Mapping[str, VectorSchema],
    referenced: ReferencedVectors,
) -> edge.Query:
    schema = schema_of(node.using, schemas)
    for own in _own_id(node):
        return edge.Query.Nearest(referenced[node.using, own], using=node.using)
    return edge.Query.Nearest(query_from_wire(node.query.nearest, schema), using=node.using)


def _filter(node: wire.QueryPoints | wire.PrefetchQuery) -> edge.Filter | None:
    """The node's filter, without the points that it or its prefetches name by id, as in Qdrant."""
    given = filter_from_wire(node.filter) if node.HasField("filter") else None
    excluded = {found for inner in nodes(node) for found in _own_id(inner)}
    if not excluded:
        return given
    return edge.Filter(must=[given] if given else None, must_not=[edge.HasIdCondition(excluded)])


def _search_params(message: wire.SearchParams) -> edge.SearchParams:
    only(message, "hnsw_ef", "exact", "quantization", "indexed_only")
    return edge.SearchParams(
        hnsw_ef=message.hnsw_ef if message.HasField("hnsw_ef") else None,
        exact=message.exact,
        quantization=(
            _quantization_params(message.quantization) if message.HasField("quantization") else None
        ),
        indexed_only=message.indexed_only,
    )


def _quantization_params(
    message: wire.QuantizationSearchParams,
) -> edge.QuantizationSearchParams:
    oversampling = message.oversampling if message.HasField("oversampling") else None
    if oversampling is not None and not oversampling >= 1.0:
        raise InvalidRequest("Wrong input: oversampling must be 1.0 or larger")
    return edge.QuantizationSearchParams(
        ignore=message.ignore,
        rescore=message.rescore if message.HasField("rescore") else None,
        oversampling=oversampling,
    )
