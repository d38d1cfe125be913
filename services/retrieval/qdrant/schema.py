"""The collection of one model: its name, vectors, payload indexes, and the alias of the live one.

Source of the figures: the table in "The index" of ARCHITECTURE.md.
"""

from typing import Final, TypeAlias

from qdrant_client import models

from retrieval.bundle import SHORT_DIGEST_LENGTH
from retrieval.domain import FieldKind, FilterableFields
from retrieval.qdrant.payload import CATALOG, UPDATED_AT, attribute_path

ALIAS: Final = "products"
"""The alias that names the live collection."""
TOKENS: Final = "tokens"
POOL: Final = "pool"

PayloadIndex: TypeAlias = models.PayloadSchemaType | models.KeywordIndexParams


def collection_name(digest: str) -> str:
    """``products_1a2b3c4d5e6f``: the collection of a model, holding all catalogs."""
    return f"{ALIAS}_{digest[:SHORT_DIGEST_LENGTH]}"


def vectors_config(embed_dim: int) -> dict[str, models.VectorParams]:
    """Both vectors of a product, of size D."""
    return {
        TOKENS: models.VectorParams(
            size=embed_dim,
            distance=models.Distance.DOT,
            multivector_config=models.MultiVectorConfig(
                comparator=models.MultiVectorComparator.MAX_SIM
            ),
            datatype=models.Datatype.FLOAT16,
            quantization_config=_int8(always_ram=False),
            # No graph: over multivectors it takes far too long to build.
            hnsw_config=models.HnswConfigDiff(m=0),
            on_disk=True,
        ),
        POOL: models.VectorParams(
            size=embed_dim,
            distance=models.Distance.DOT,
            quantization_config=_int8(always_ram=True),
            hnsw_config=models.HnswConfigDiff(m=16, ef_construct=128),
        ),
    }


def payload_indexes(fields: FilterableFields) -> dict[str, PayloadIndex]:
    """The index of each payload path that a filter may name, and of what an audit counts by."""
    kinds = {
        FieldKind.KEYWORD: models.PayloadSchemaType.KEYWORD,
        FieldKind.NUMBER: models.PayloadSchemaType.FLOAT,
        FieldKind.BOOL: models.PayloadSchemaType.BOOL,
    }
    return {
        CATALOG: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
        UPDATED_AT: models.PayloadSchemaType.FLOAT,
        **{attribute_path(field): kinds[kind] for field, kind in fields.items()},
    }


def _int8(*, always_ram: bool) -> models.ScalarQuantization:
    return models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=always_ram)
    )
