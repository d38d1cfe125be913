"""The one query of the index: candidates by pooled vector, ranked by late interaction (MaxSim)."""

from typing import Any, Final

from qdrant_client import models

from retrieval.domain import F32Array
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


def ranking(rows: F32Array, filter: models.Filter, limit: int, prefetch_depth: int) -> Any:
    """Arguments of ``query_points`` for a query of 1 or K rows.

    The score of a hit is the sum over the rows of each one's maximum over the product's tokens.

    Args:
        rows: [N, D] float32, of unit norm.
        filter: what a candidate must pass; it is applied before the candidates are counted.
        limit: hits wanted.
        prefetch_depth: candidates taken by pooled vector, if more than ``limit``.
    """
    return {
        "prefetch": models.Prefetch(
            query=pooled(rows).tolist(),
            using=POOL,
            filter=filter,
            limit=max(prefetch_depth, limit),
            params=_ON_INT8,
        ),
        "query": rows.tolist(),
        "using": TOKENS,
        "search_params": _ON_ORIGINALS,
        "limit": limit,
        "with_payload": False,
        "with_vectors": False,
    }
