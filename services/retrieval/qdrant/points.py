"""A product with its vectors as a point, and how many of them one call carries."""

from typing import Final

from qdrant_client import models

from retrieval.domain import IndexedProduct
from retrieval.qdrant.payload import COPIED, to_payload
from retrieval.qdrant.schema import POOL, TOKENS
from retrieval.qdrant.vectors import pooled

# Turning products into a message holds up all else here, 1.4 ms for one of full size (32 tokens
# of 256); and Qdrant syncs its disk once a call. So a call carries 16 of full size, or more small
# ones.
_PUT_FLOATS: Final = 131_072


def points_a_call(query_tokens: int, embed_dim: int) -> int:
    """Points that one call writes, for tokens [K, D]."""
    return max(1, _PUT_FLOATS // (query_tokens * embed_dim))


def to_point(item: IndexedProduct, *, copied: bool = False) -> models.PointStruct:
    """The point of a product, marked if it is a copy."""
    return models.PointStruct(
        id=str(item.product.point_id),
        vector={TOKENS: item.tokens.tolist(), POOL: pooled(item.tokens).tolist()},
        payload=to_payload(item.product) | ({COPIED: True} if copied else {}),
    )
