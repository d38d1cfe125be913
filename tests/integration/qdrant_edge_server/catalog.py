"""A small catalog for the tests: points, and the collections that hold them."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models

DIM = 16
TOKENS = 4
COLORS = ("red", "blue", "green", "black", "white")
PARTS = ("hood", "zip", "belt")

INDEXES = {
    "color": models.PayloadSchemaType.KEYWORD,
    "sizes": models.PayloadSchemaType.KEYWORD,
    "price": models.PayloadSchemaType.FLOAT,
    "stock": models.PayloadSchemaType.INTEGER,
    "sale": models.PayloadSchemaType.BOOL,
}


def point_uuid(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"default/{number}"))


def point_id(number: int) -> int | str:
    """Every tenth product has a number for an id."""
    return number if number % 10 == 0 else point_uuid(number)


def tokens(number: int) -> NDArray[np.float32]:
    """The unit tokens [TOKENS, DIM] of a product, the same at every call."""
    random = np.random.default_rng(number)
    rows = random.normal(size=(1, DIM)) + random.normal(size=(TOKENS, DIM))
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4")
    return unit


def vectors(number: int) -> dict[str, Any]:
    rows = tokens(number)
    mean = rows.mean(axis=0)
    return {"tokens": rows.tolist(), "pool": (mean / np.linalg.norm(mean)).tolist()}


def payload(number: int) -> dict[str, Any]:
    """Product fields of every kind, with nulls, empty lists and missing keys among them."""
    fields: dict[str, Any] = {
        "id": f"p{number}",
        "color": COLORS[number % 5],
        "price": number * 1.5,
        "stock": number % 7,
        "sale": number % 3 == 0,
        "sizes": ["s", "m", "l"][: number % 4],
        "maker": {"country": "pt" if number % 2 else "it", "since": 1900 + number},
        "parts": [{"name": PARTS[(number // 3 + k) % 3], "count": k} for k in range(number % 3)],
        "mixed": (number, "m", None, True, 2.5, [], ["m", None], [3, "m"], {"m": 1})[number % 9],
    }
    if number % 4 == 1:
        del fields["stock"]
    if number % 6 == 2:
        fields["color"] = None
    return fields


def points(count: int, start: int = 0) -> list[models.PointStruct]:
    """Products `start` up to `start + count`."""
    return [
        models.PointStruct(
            id=point_id(number),
            vector=vectors(number),
            payload=payload(number),
        )
        for number in range(start, start + count)
    ]


def query_vector(seed: int) -> list[float]:
    vector = np.random.default_rng(10_000 + seed).normal(size=DIM)
    return (vector / np.linalg.norm(vector)).astype(np.float32).tolist()  # type: ignore[no-any-return]


MAX_SIM = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)

PLAIN = {
    "tokens": models.VectorParams(
        size=DIM, distance=models.Distance.DOT, multivector_config=MAX_SIM
    ),
    "pool": models.VectorParams(size=DIM, distance=models.Distance.DOT),
}

# As Recompose makes them: float16 tokens without a graph, a pinned pool with one.
PRODUCTS = {
    "tokens": models.VectorParams(
        size=DIM,
        distance=models.Distance.DOT,
        multivector_config=MAX_SIM,
        datatype=models.Datatype.FLOAT16,
        on_disk=True,
        hnsw_config=models.HnswConfigDiff(m=0),
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)
        ),
    ),
    "pool": models.VectorParams(
        size=DIM,
        distance=models.Distance.DOT,
        hnsw_config=models.HnswConfigDiff(m=16, ef_construct=128),
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        ),
    ),
}


def make(
    client: QdrantClient,
    name: str,
    count: int = 0,
    config: dict[str, models.VectorParams] = PLAIN,
) -> None:
    """A collection with its payload indexes and `count` products."""
    client.create_collection(name, vectors_config=config)
    for field, kind in INDEXES.items():
        client.create_payload_index(name, field, field_schema=kind)
    if count:
        client.upsert(name, points(count), wait=True)
