"""What a search asks the index: the query by each route (candidates, ranked by late interaction,
MaxSim), and the products of a page.

Each is made as Qdrant's own message, and its answer is read as one: qdrant-client's models around
them cost 1.4 ms a search of 200 hits, more than all else that the gateway does for it.
"""

import uuid
from collections.abc import Sequence
from typing import Final

from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import RestToGrpc

from retrieval.domain import Exact, F32Array, Pooled, Route, Scan
from retrieval.qdrant.payload import attribute_path
from retrieval.qdrant.schema import POOL, TOKENS
from retrieval.qdrant.vectors import pooled

_ON_ORIGINALS: Final = wire.SearchParams(
    # Left to itself, Qdrant ranks by the int8 form of a quantised multivector and returns its
    # scores: off by up to .012, and with .96 of the true first 50 (measured, D=64, K=8).
    exact=True,
    quantization=wire.QuantizationSearchParams(ignore=True),
)
_ON_INT8: Final = wire.SearchParams(
    # Which candidates there are is all that counts here, and rescoring as many as were found
    # changes only their order.
    quantization=wire.QuantizationSearchParams(rescore=False)
)


# Int8 scores are off by up to .012: of twice as many as are wanted, the true ones are among them.
_SCAN_OVERSAMPLING: Final = 2


def ranking(
    collection: str,
    rows: F32Array,
    filter: models.Filter,
    limit: int,
    route: Route,
    values_of: str | None = None,
) -> wire.QueryPoints:
    """The query of 1 or K rows.

    The score of a hit is the sum over the rows of each one's maximum over the product's tokens.

    Args:
        collection: its name.
        rows: [N, D] float32, of unit norm.
        filter: what a candidate must pass; it is applied before the candidates are counted.
        limit: hits wanted.
        route: where candidates come from; a pooled one takes ``limit`` of them if that is more
            than its depth.
        values_of: an attribute that each hit tells, and nothing else of its payload.
    """
    passing = RestToGrpc.convert_filter(filter)
    candidates = _candidates(rows, passing, limit, route)
    return wire.QueryPoints(
        collection_name=collection,
        prefetch=candidates,
        query=_nearest(rows),
        using=TOKENS,
        filter=None if candidates else passing,
        params=_ON_ORIGINALS,
        limit=limit,
        with_payload=_payload(values_of),
        with_vectors=wire.WithVectorsSelector(enable=False),
    )


async def ranked(
    client: AsyncQdrantClient, query: wire.QueryPoints, timeout_s: int
) -> Sequence[wire.ScoredPoint]:
    """Ask a query; best first. Raises what the client raises."""
    query.timeout = timeout_s
    answer = await client.grpc_points.Query(query, timeout=timeout_s)
    hits: Sequence[wire.ScoredPoint] = answer.result
    return hits


def with_payload(collection: str, point_ids: Sequence[uuid.UUID]) -> wire.GetPoints:
    """The question for all but the vectors of these points."""
    return wire.GetPoints(
        collection_name=collection,
        ids=[wire.PointId(uuid=str(point_id)) for point_id in point_ids],
        with_payload=wire.WithPayloadSelector(enable=True),
        with_vectors=wire.WithVectorsSelector(enable=False),
    )


async def retrieved(
    client: AsyncQdrantClient, question: wire.GetPoints, timeout_s: int
) -> Sequence[wire.RetrievedPoint]:
    """Ask for points; unknown ones are left out. Raises what the client raises."""
    question.timeout = timeout_s
    answer = await client.grpc_points.Get(question, timeout=timeout_s)
    records: Sequence[wire.RetrievedPoint] = answer.result
    return records


def _candidates(
    rows: F32Array, filter: wire.Filter, limit: int, route: Route
) -> list[wire.PrefetchQuery]:
    """The candidates to rank; none where every point that passes the filter is one."""
    match route:
        case Pooled(depth):
            query, using, count = _nearest(pooled(rows)), POOL, max(depth, limit)
        case Scan():
            query, using, count = _nearest(rows), TOKENS, _SCAN_OVERSAMPLING * limit
        case Exact():
            return []
    return [
        wire.PrefetchQuery(query=query, using=using, filter=filter, limit=count, params=_ON_INT8)
    ]


def _nearest(vectors: F32Array) -> wire.Query:
    """By a vector [D], or by rows [N, D]."""
    if vectors.ndim == 1:
        vector = wire.VectorInput(dense=wire.DenseVector(data=vectors.tolist()))
    else:
        rows = [wire.DenseVector(data=row) for row in vectors.tolist()]
        vector = wire.VectorInput(multi_dense=wire.MultiDenseVector(vectors=rows))
    return wire.Query(nearest=vector)


def _payload(values_of: str | None) -> wire.WithPayloadSelector:
    if values_of is None:
        return wire.WithPayloadSelector(enable=False)
    fields = wire.PayloadIncludeSelector(fields=[attribute_path(values_of)])
    return wire.WithPayloadSelector(include=fields)
