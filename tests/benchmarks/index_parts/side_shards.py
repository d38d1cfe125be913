"""What the product does not do: token points grouped by product, and centroids of tokens.

Each has a shard of its own, whose settings are the product's for the same purpose.
"""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import qdrant_edge as edge

from retrieval.domain import F32Array
from retrieval.qdrant.schema import TOKENS
from tests.benchmarks.index_parts.catalogs import PASSES, Catalog
from tests.benchmarks.index_parts.questions import Question
from tests.benchmarks.index_parts.shards import LIMIT, Answer, disk_bytes, told

_PART: Final = 250
_LLOYD_ROUNDS: Final = 8
_ORIGINALS: Final = edge.SearchParams(
    exact=True, quantization=edge.QuantizationSearchParams(ignore=True)
)
_INT8: Final = edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=False))


class _SideShard(ABC):
    """A shard under ``path``, filled by ``_points``.

    Attributes:
        built_s: what filling and indexing took.
        disk_bytes: without the write-ahead log.
    """

    def __init__(self, path: Path, catalog: Catalog, config: edge.EdgeConfig) -> None:
        path.mkdir(parents=True)
        self._catalog = catalog
        self._engine = edge.EdgeShard.create(str(path), config)
        began = time.perf_counter()
        index = edge.UpdateOperation.create_field_index(PASSES, edge.PayloadSchemaType.Keyword)
        self._engine.update(index)
        for points in self._points():
            self._engine.update(edge.UpdateOperation.upsert_points(points))
        self._engine.flush()
        self._engine.optimize()
        self.built_s = time.perf_counter() - began
        self.disk_bytes = disk_bytes(path)

    @abstractmethod
    def _points(self) -> Iterator[list[edge.Point]]:
        """All of the catalog's points, a part at a time."""

    def _shares(self, number: int) -> dict[str, list[str]]:
        return {PASSES: [*self._catalog.products[number].attributes[PASSES]]}  # type: ignore[misc]

    def close(self) -> None:
        self._engine.close()


class TokenPoints(_SideShard):
    """Every token a point with a graph, so that MaxSim of one vector is a plain search: the best
    token of a product is its score. Nothing to rank afterwards; hits are grouped here."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        params = edge.EdgeVectorParams(
            size=catalog.sizes[1],
            distance=edge.Distance.Dot,
            datatype=edge.VectorStorageDatatype.Float16,
            quantization_config=edge.ScalarQuantizationConfig(
                type=edge.ScalarType.Int8, always_ram=True
            ),
            hnsw_config=edge.HnswIndexConfig(m=16, ef_construct=128, full_scan_threshold=10_000),
        )
        super().__init__(path, catalog, edge.EdgeConfig(vectors={TOKENS: params}))

    def _points(self) -> Iterator[list[edge.Point]]:
        tokens, _ = self._catalog.sizes
        for start in range(0, len(self._catalog), _PART):
            yield [
                edge.Point(
                    (start + place) * tokens + row, {TOKENS: one}, self._shares(start + place)
                )
                for place, own in enumerate(self._catalog.some(start, _PART))
                for row, one in enumerate(own.tolist())
            ]

    def asking(self, question: Question, share: str | None = None) -> Callable[[], Answer]:
        """A call that asks a question of one vector; twice as deep while products are missing."""
        vector = question.rows[0].tolist()
        tokens, _ = self._catalog.sizes
        products = self._catalog.products

        def ask() -> Answer:
            depth = 4 * LIMIT
            while True:
                hits = self._engine.query(
                    edge.QueryRequest(
                        limit=depth,
                        query=edge.Query.Nearest(vector, using=TOKENS),
                        filter=_filter(share),
                        params=edge.SearchParams(
                            quantization=edge.QuantizationSearchParams(rescore=True)
                        ),
                        with_payload=False,
                        with_vector=False,
                    )
                )
                best: dict[int, float] = {}
                for hit in hits:
                    number = int(hit.id) // tokens
                    if number != question.reference:
                        best.setdefault(number, hit.score)
                if len(best) >= LIMIT or len(hits) < depth or depth >= 64 * LIMIT:
                    ranked = list(best.items())[:LIMIT]
                    return [(products[number].point_id, score) for number, score in ranked]
                depth *= 2

        return ask


class Centroids(_SideShard):
    """Products with their tokens and ``count`` centroids of them, a multivector in int8 that is
    scanned for candidates in place of all tokens."""

    def __init__(self, path: Path, catalog: Catalog, count: int) -> None:
        self._count = count
        dim = catalog.sizes[1]
        int8 = edge.ScalarQuantizationConfig(type=edge.ScalarType.Int8, always_ram=True)
        common: dict[str, Any] = {
            "size": dim,
            "distance": edge.Distance.Dot,
            "datatype": edge.VectorStorageDatatype.Float16,
            "multivector_config": edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim),
            "hnsw_config": edge.HnswIndexConfig(m=0, ef_construct=128, full_scan_threshold=10_000),
        }
        tokens = edge.EdgeVectorParams(**common, on_disk=True)
        centroids = edge.EdgeVectorParams(**common, quantization_config=int8)
        super().__init__(
            path, catalog, edge.EdgeConfig(vectors={TOKENS: tokens, "centroids": centroids})
        )

    def _points(self) -> Iterator[list[edge.Point]]:
        for start in range(0, len(self._catalog), _PART):
            tokens = self._catalog.some(start, _PART)
            centroids = centroids_of(tokens, self._count)
            yield [
                edge.Point(
                    self._catalog.products[start + place].point_id,
                    {TOKENS: own.tolist(), "centroids": few.tolist()},
                    self._shares(start + place),
                )
                for place, (own, few) in enumerate(zip(tokens, centroids, strict=True))
            ]

    def asking(
        self, question: Question, depth: int, share: str | None = None
    ) -> Callable[[], Answer]:
        """A call that ranks the ``depth`` best by centroids."""
        reference = self._catalog.products[question.reference].point_id
        passing = _filter(share, reference)
        request = edge.QueryRequest(
            limit=LIMIT,
            query=edge.Query.Nearest(question.rows.tolist(), using=TOKENS),
            prefetches=[
                edge.Prefetch(
                    limit=depth,
                    query=edge.Query.Nearest(question.rows.tolist(), using="centroids"),
                    filter=passing,
                    params=_INT8,
                )
            ],
            params=_ORIGINALS,
            with_payload=False,
            with_vector=False,
        )
        return lambda: told(self._engine.query(request))


def centroids_of(tokens: F32Array, count: int) -> F32Array:
    """Spherical k-means of each product's own tokens: [n, K, D] to [n, count, D] of unit norm."""
    spread = np.linspace(0, tokens.shape[1] - 1, count).astype(int)
    centroids = tokens[:, spread].copy()
    for _ in range(_LLOYD_ROUNDS):
        nearest = np.einsum("nkd,ncd->nkc", tokens, centroids, optimize=True).argmax(axis=2)
        own = (nearest[:, :, None] == np.arange(count)).astype(np.float32)
        sums = np.einsum("nkc,nkd->ncd", own, tokens, optimize=True)
        norms = np.linalg.norm(sums, axis=-1, keepdims=True)
        centroids = np.where(norms > 1e-6, sums / np.maximum(norms, 1e-6), centroids)
    return centroids


def _filter(share: str | None, reference: uuid.UUID | None = None) -> edge.Filter | None:
    if share is None and reference is None:
        return None
    return edge.Filter(
        must=None if share is None else [edge.FieldCondition(PASSES, edge.MatchValue(share))],
        must_not=None if reference is None else [edge.HasIdCondition({reference})],
    )
