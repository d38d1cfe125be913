"""A product with its vectors as a point, and back."""

from typing import Final

import numpy as np
from qdrant_client import models

from retrieval.domain import F32Array, IndexedProduct
from retrieval.qdrant import schema
from retrieval.qdrant.payload import COPIED, UnreadablePayload, to_payload, to_product, uuid_of
from retrieval.qdrant.vectors import checked_tokens, pooled

# Turning products into a message, or a message into products, holds up all else here, 1.4 ms for
# one of full size (32 tokens of 256); and Qdrant syncs its disk once a call. So a call carries 16
# of full size, or more small ones.
PAGE_FLOATS: Final = 131_072


class UnreadablePoint(Exception):
    """The point is not that of a product with its tokens."""


def points_a_call(query_tokens: int, embed_dim: int) -> int:
    """Points that one call carries, for tokens [K, D]."""
    return max(1, PAGE_FLOATS // (query_tokens * embed_dim))


def to_point(item: IndexedProduct, *, copied: bool = False) -> models.PointStruct:
    """The point of a product, marked if it is a copy.

    The pooled vector is that of the tokens as they are kept, in float16: what is read from the
    index and written again then gives the same point.
    """
    kept = item.tokens.astype(np.float16).astype(np.float32)
    return models.PointStruct(
        id=str(item.product.point_id),
        vector={schema.TOKENS: item.tokens.tolist(), schema.POOL: pooled(kept).tolist()},
        payload=to_payload(item.product) | ({COPIED: True} if copied else {}),
    )


def to_indexed(record: models.Record, query_tokens: int, embed_dim: int) -> IndexedProduct:
    """The product and the tokens [K, D] float32 that a point with both holds.

    Raises:
        UnreadablePoint: also where its id is not that of the product.
    """
    try:
        product = to_product(record.payload)
        tokens = checked_tokens(_tokens(record), query_tokens, embed_dim)
    except (UnreadablePayload, ValueError, TypeError):
        raise UnreadablePoint from None
    if uuid_of(record.id) != product.point_id:
        raise UnreadablePoint
    return IndexedProduct(product, tokens)


def _tokens(record: models.Record) -> F32Array:
    vectors = record.vector if isinstance(record.vector, dict) else {}
    return np.asarray(vectors.get(schema.TOKENS, ()), np.float32)
