"""A collection filled in bulk, as the product makes it, and its shard opened in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import qdrant_edge as edge
from qdrant_client import grpc as wire

from qdrant_edge_server.convert_query import query_from_request
from qdrant_edge_server.schema import VectorSchema
from qdrant_edge_server.store import Store
from retrieval.domain import Deadline, Filter, Match, Route
from retrieval.qdrant import QdrantIndex, connect
from retrieval.qdrant.filters import candidates
from retrieval.qdrant.payload import to_payload
from retrieval.qdrant.queries import ranking
from retrieval.qdrant.schema import POOL, TOKENS
from retrieval.qdrant.vectors import pooled
from tests.benchmarks.index_parts.catalogs import CATALOG, FIELDS, PASSES, Catalog
from tests.benchmarks.index_parts.questions import Question
from tests.support.qdrant import running_qdrant

LIMIT: Final = 200
"""Hits of an answer: what a search of the gateway ranks by default (RANKING_DEPTH)."""
_DIGEST: Final = "0" * 64
_PART: Final = 250

Answer = list[tuple[Any, float]]
"""Point ids with scores, best first."""


@dataclass(frozen=True, slots=True)
class Built:
    """A filled collection in a data folder, and what it took."""

    data_dir: Path
    shard: Path
    name: str
    upsert_s: float
    optimise_s: float
    disk_bytes: int


def index_of(url: str, catalog: Catalog, **settings: Any) -> QdrantIndex:
    """The product's index over a server, with its defaults; make it inside of the event loop."""
    query_tokens, embed_dim = catalog.sizes
    return QdrantIndex(
        connect(url),
        digest=_DIGEST,
        query_tokens=query_tokens,
        embed_dim=embed_dim,
        fields=FIELDS,
        **settings,
    )


def fill(catalog: Catalog, data_dir: Path) -> Built:
    """Make the collection of a catalog as the product makes it, and fill it without a network."""

    async def ensure(url: str) -> str:
        index = index_of(url, catalog)
        await index.ensure_collection(Deadline.after(60))
        await index.close()
        return index.collection

    with running_qdrant(data_dir) as server:
        name = asyncio.run(ensure(server.url))
        server.stop()
    store = Store(data_dir)
    collection = store.get(name)
    began = time.perf_counter()
    for start in range(0, len(catalog), _PART):
        points = _points(catalog, start)
        collection.update(edge.UpdateOperation.upsert_points(points), durable=False)
    collection.flush()
    upserted = time.perf_counter()
    store.optimize()
    optimised = time.perf_counter()
    shard = collection.path
    store.close()
    return Built(data_dir, shard, name, upserted - began, optimised - upserted, disk_bytes(shard))


def _points(catalog: Catalog, start: int) -> list[edge.Point]:
    tokens = catalog.some(start, _PART)
    return [
        edge.Point(
            product.point_id,
            {TOKENS: own.tolist(), POOL: pooled(own).tolist()},
            to_payload(product),
        )
        for product, own in zip(catalog.products[start : start + _PART], tokens, strict=True)
    ]


def disk_bytes(shard: Path) -> int:
    """Bytes on the disk without the write-ahead log, which a flush makes superfluous."""
    segments = (shard / "segments").rglob("*")
    return sum(512 * each.stat().st_blocks for each in segments if each.is_file())


def wire_query(name: str, question: Question, catalog: Catalog, route: Route,
               share: str | None = None) -> wire.QueryPoints:  # fmt: skip
    """The gRPC message that the product sends for a question."""
    reference = catalog.products[question.reference]
    filter: Filter | None = None if share is None else Match(PASSES, (share,))
    passing = candidates(CATALOG, filter, FIELDS, (reference.point_id,))
    return ranking(name, question.rows, passing, LIMIT, route)


class Shard:
    """The engine in this process, over a shard that no other process has open."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self._engine = edge.EdgeShard.load(str(path))
        self._catalog = catalog
        dim = catalog.sizes[1]
        self._schemas = {TOKENS: VectorSchema(dim, True), POOL: VectorSchema(dim, False)}

    def asking(
        self, question: Question, route: Route, share: str | None = None
    ) -> Callable[[], Answer]:
        """A call that asks a question of the engine, its request ready made."""
        message = wire_query("", question, self._catalog, route, share)
        request = query_from_request(message, self._schemas, {})
        return lambda: told(self._engine.query(request))

    def asking_from_numbers(self, question: Question, depth: int) -> Callable[[], Answer]:
        """A call that makes the request of a pooled search too, as a program would that has the
        engine in its process and a query as numbers."""
        reference = self._catalog.products[question.reference].point_id

        def ask() -> Answer:
            passing = edge.Filter(
                must=[edge.FieldCondition("catalog", edge.MatchValue(CATALOG))],
                must_not=[edge.HasIdCondition({reference})],
            )
            candidates = edge.Prefetch(
                limit=max(depth, LIMIT),
                query=edge.Query.Nearest(pooled(question.rows).tolist(), using=POOL),
                filter=passing,
                params=edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=False)),
            )
            request = edge.QueryRequest(
                limit=LIMIT,
                query=edge.Query.Nearest(question.rows.tolist(), using=TOKENS),
                prefetches=[candidates],
                params=edge.SearchParams(
                    exact=True, quantization=edge.QuantizationSearchParams(ignore=True)
                ),
                with_payload=False,
                with_vector=False,
            )
            return told(self._engine.query(request))

        return ask

    def close(self) -> None:
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def told(hits: list[edge.ScoredPoint]) -> Answer:
    """What of hits anyone needs."""
    return [(hit.id, hit.score) for hit in hits]
