"""The query of the index by each route: candidates, ranked by late interaction (MaxSim)."""

from typing import Any, Final

from qdrant_client import models

from retrieval.domain import Exact, F32Array, Pooled, Route, Scan
from retrieval.qdrant.payload import attribute_path
from retrieval.qdrant.schema import POOL, TOKENS
from retrieval.qdrant.vectors import pooled

_ON_ORIGINALS: Final = models.SearchParams(
    # Left to itself, Qdrant ranks by the int8 form of a quantised multivector and returns its
    # scores: off by up to .012, and with .96 of the true first 50 (measured, D=64, K=8).
    exact=True,
    quantization=models.QuantizationSearchParams(ignore=True),
)
_ON_INT8: Final = models.SearchParams(
    # Which candidates there are is all that counts here, and rescoring as many as were found
    # changes only their order.
    quantization=models.QuantizationSearchParams(rescore=False)
)


# Int8 scores are off by up to .012: of twice as many as are wanted, the true ones are among them.
_SCAN_OVERSAMPLING: Final = 2


def ranking(
    rows: F32Array,
    filter: models.Filter,
    limit: int,
    route: Route,
    values_of: str | None = None,
) -> Any:
    """Arguments of ``query_points`` for a query of 1 or K rows.

    The score of a hit is the sum over the rows of each one's maximum over the product's tokens.

    Args:
        rows: [N, D] float32, of unit norm.
        filter: what a candidate must pass; it is applied before the candidates are counted.
        limit: hits wanted.
        route: where candidates come from; a pooled one takes ``limit`` of them if that is more
            than its depth.
        values_of: an attribute that each hit tells, and nothing else of its payload.
    """
    candidates = _candidates(rows, filter, limit, route)
    return {
        "prefetch": candidates,
        "query": rows.tolist(),
        "using": TOKENS,
        "query_filter": filter if candidates is None else None,
        "search_params": _ON_ORIGINALS,
        "limit": limit,
        "with_payload": False if values_of is None else [attribute_path(values_of)],
        "with_vectors": False,
    }


def _candidates(
    rows: F32Array, filter: models.Filter, limit: int, route: Route
) -> models.Prefetch | None:
    """The candidates to rank; None where every point that passes the filter is one."""
    match route:
        case Pooled(depth):
            return models.Prefetch(
                query=pooled(rows).tolist(),
                using=POOL,
                filter=filter,
                limit=max(depth, limit),
                params=_ON_INT8,
            )
        case Scan():
            return models.Prefetch(
                query=rows.tolist(),
                using=TOKENS,
                filter=filter,
                limit=_SCAN_OVERSAMPLING * limit,
                params=_ON_INT8,
            )
        case Exact():
            return None
