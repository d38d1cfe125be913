"""What int8 embeds in the cache would do to rankings, and what storing costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient

from gateway.pictures import to_pixels
from retrieval.cache import decode_array, encode_array
from retrieval.domain import Deadline, F32Array, FloatArray
from retrieval.image_store import decode_stored
from retrieval.redis_link import RedisLink
from tests.benchmarks.cache_parts.rig import Rig
from tests.benchmarks.harness.timing import Timings, alternating_async

WORDS: Final = (
    "longer", "in navy blue", "with stripes", "with short sleeves and in red", "a dress instead",
    "darker, without a pattern", "with a collar", "shorter and in green",
)  # fmt: skip
_PATIENCE_S: Final = 60.0
_BATCH: Final = 16
_NAME: Final = b"recompose:measured"


@dataclass(frozen=True, slots=True)
class Rounded:
    """Rankings made from int8 embeds against those made from float16 ones.

    Attributes:
        recall: share of the first 10 and 50 that stay, over ``queries`` queries.
        same_first: share of the queries whose first product stays.
        largest: difference of a query vector, as an angle's cosine from 1.
    """

    recall: dict[int, float]
    same_first: float
    largest: float
    queries: int
    products: int


async def rounded(
    rig: Rig, rest: httpx.Client, qdrant_port: int, references: int, words: Sequence[str] = WORDS
) -> Rounded:
    """Rank all products of the running stack for each of ``references`` products and ``words``."""
    products = _tokens(qdrant_port, f"products_{rig.space.bundle.short_digest}")
    embeds = await _embeds(rig, _pixels(rig, rest, references))
    whole = await _queries(rig, embeds, words)
    small = await _queries(rig, from_int8(*to_int8(embeds)), words)
    one, other = _ranked(whole, products), _ranked(small, products)
    return Rounded(
        {depth: _overlap(one[:, :depth], other[:, :depth]) for depth in (10, 50)},
        float((one[:, 0] == other[:, 0]).mean()),
        float((1 - (whole * small).sum(axis=1)).max()),
        len(whole),
        len(products),
    )


def to_int8(embeds: FloatArray) -> tuple[NDArray[np.int8], F32Array]:
    """[..., W] float as int8 [..., W] and the scale of each row [..., 1] float32."""
    rows = embeds.astype(np.float32)
    scale = np.maximum(np.abs(rows).max(axis=-1, keepdims=True) / 127, np.float32(1e-12))
    return np.rint(rows / scale).astype(np.int8), scale


def from_int8(codes: NDArray[np.int8], scale: F32Array) -> NDArray[np.float16]:
    """What `to_int8` made, as float16."""
    return (codes * scale).astype(np.float16)


async def stored(redis: str, shape: tuple[int, int], rounds: int) -> dict[str, Timings]:
    """To store embeds of ``shape`` and to read them again, by form and step."""
    embeds = np.random.default_rng(7).standard_normal(shape).astype(np.float16)
    link = RedisLink(redis, budget_s=5)

    def as_int8() -> bytes:
        codes, scale = to_int8(embeds)
        return scale.tobytes() + codes.tobytes()

    def of_int8(value: bytes) -> FloatArray:
        scale = np.frombuffer(value, np.float32, shape[0]).reshape(shape[0], 1)
        codes = np.frombuffer(value, np.int8, offset=scale.nbytes).reshape(shape)
        return from_int8(codes, scale)

    async def store(name: bytes, make: Callable[[], bytes]) -> None:
        await link.call("SET", name, make(), "EX", 60)

    async def read(name: bytes, use: Callable[[bytes], Any]) -> None:
        if use(await link.call("GET", name)) is None:
            raise RuntimeError("what was stored did not come back")

    one, other = _NAME + b":16", _NAME + b":8"
    await store(one, lambda: encode_array(one, embeds))
    await store(other, as_int8)
    try:
        return await alternating_async(
            {
                "store float16": lambda: store(one, lambda: encode_array(one, embeds)),
                "store int8": lambda: store(other, as_int8),
                "read float16": lambda: read(one, lambda value: decode_array(one, value)),
                "read int8": lambda: read(other, of_int8),
            },
            rounds,
        )
    finally:
        await link.call("DEL", one)
        await link.call("DEL", other)
        await link.close()


def _tokens(port: int, collection: str) -> F32Array:
    """[N, K, D] of all products."""
    client = QdrantClient(
        host="127.0.0.1", grpc_port=port, prefer_grpc=True, check_compatibility=False
    )
    found, offset = [], None
    while True:
        points, offset = client.scroll(
            collection, limit=500, offset=offset, with_payload=False, with_vectors=["tokens"]
        )
        found += [point.vector["tokens"] for point in points if isinstance(point.vector, dict)]
        if offset is None:
            break
    client.close()
    return np.asarray(found, np.float32)


def _pixels(rig: Rig, rest: httpx.Client, references: int) -> F32Array:
    """[N, 3, S, S] of the first products' pictures."""
    answer = rest.get("/v1/products", params={"page_size": references}).json()
    names = [product["id"] for product in answer["products"]]
    pictures = [rest.get(f"/v1/products/{name}/image").content for name in names]
    return np.stack([to_pixels(decode_stored(each), rig.space.bundle) for each in pictures])


async def _embeds(rig: Rig, pixels: F32Array) -> NDArray[np.float16]:
    """[N, P, W] of pictures."""
    parts = [
        await rig.encoder.encode_images(pixels[start : start + _BATCH], Deadline.after(_PATIENCE_S))
        for start in range(0, len(pixels), _BATCH)
    ]
    return np.concatenate([part.embeds for part in parts]).astype(np.float16)


async def _queries(rig: Rig, embeds: NDArray[np.float16], words: Sequence[str]) -> F32Array:
    """[N * words, D]."""
    tokenizer, found = rig.space.tokenizer, []
    dtype = np.dtype(rig.space.bundle.precision)
    for text in words:
        for start in range(0, len(embeds), _BATCH):
            part = embeds[start : start + _BATCH].astype(dtype)
            ids, mask = tokenizer.encode_batch([tokenizer.process(text)] * len(part))
            found.append(await rig.encoder.compose(part, ids, mask, Deadline.after(_PATIENCE_S)))
    return np.concatenate(found)


def _ranked(queries: F32Array, tokens: F32Array) -> NDArray[np.intp]:
    """Indices of all products, best first, by exact MaxSim: [Q, N]."""
    scores = np.stack([(tokens @ query).max(axis=1) for query in queries])
    return np.argsort(-scores, axis=1, kind="stable")


def _overlap(one: NDArray[np.intp], other: NDArray[np.intp]) -> float:
    kept = [len(np.intersect1d(a, b)) / len(a) for a, b in zip(one, other, strict=True)]
    return float(np.mean(kept))
