"""Queries with prefetches and rescoring, scrolls, counts, facets, retrieval: what only reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qdrant_client import QdrantClient, models

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.congruence.filter_cases import COMBINED, COUNT
from tests.integration.qdrant_edge_server.congruence.scenario import Scenario, plain

RED = COMBINED["must and must"]
VECTOR = catalog.query_vector(1)
STORED = catalog.point_uuid(13)


def _query(*arguments: Any, **options: Any) -> Scenario:
    """`query_points`, best first."""

    def ask(client: QdrantClient, name: str) -> Any:
        return [plain(hit) for hit in client.query_points(name, *arguments, **options).points]

    return Scenario(ask)


def _pool(seed: int = 1, **options: Any) -> Scenario:
    return _query(catalog.query_vector(seed), using="pool", **{"limit": 20, **options})


def _prefetch(limit: int, **options: Any) -> models.Prefetch:
    return models.Prefetch(query=VECTOR, using="pool", limit=limit, **options)


QUERIES: dict[str, Scenario] = {
    **{f"pool {seed}": _pool(seed) for seed in range(5)},
    **{
        f"tokens, one row {seed}": _query([catalog.query_vector(seed)], using="tokens", limit=20)
        for seed in range(5)
    },
    "tokens, many rows": _query(
        [catalog.query_vector(seed) for seed in range(3)], using="tokens", limit=20
    ),
    "tokens, a single vector for the only row": Scenario(
        _query(VECTOR, using="tokens", limit=20).ask,
        local_differs="It refuses one. Qdrant's engine (qdrant-edge-py 0.9.0) takes it.",
    ),
    "default limit": _query(VECTOR, using="pool"),
    "limit above the count": _pool(limit=COUNT + 50),
    "offset": _pool(limit=10, offset=20),
    "offset past the end": _pool(limit=10, offset=COUNT + 1),
    "offset and prefetch": _query(
        [VECTOR], using="tokens", prefetch=_prefetch(40), limit=10, offset=25
    ),
    "score threshold": _pool(limit=COUNT, score_threshold=0.3),
    "score threshold nobody reaches": _pool(limit=COUNT, score_threshold=2.0),
    "score threshold of tokens": _query([VECTOR], using="tokens", limit=COUNT, score_threshold=0.4),
    "score threshold in a prefetch": _query(
        [VECTOR], using="tokens", prefetch=_prefetch(COUNT, score_threshold=0.2), limit=COUNT
    ),
    **{
        f"prefetch of {depth}, rescored": _query(
            [VECTOR], using="tokens", prefetch=_prefetch(depth), limit=30
        )
        for depth in (5, 50, COUNT)
    },
    "prefetch within prefetch": _query(
        VECTOR,
        using="pool",
        prefetch=models.Prefetch(query=[VECTOR], using="tokens", prefetch=_prefetch(60), limit=30),
        limit=10,
    ),
    "two prefetches, rescored": _query(
        [VECTOR],
        using="tokens",
        prefetch=[
            _prefetch(20),
            models.Prefetch(query=catalog.query_vector(2), using="pool", limit=20),
        ],
        limit=40,
    ),
    "filters of prefetch and query": _query(
        [VECTOR],
        using="tokens",
        prefetch=_prefetch(40, filter=COMBINED["should"]),
        query_filter=RED,
        limit=10,
    ),
    "a stored point": _query(STORED, using="pool", limit=15),
    "a stored point, by tokens": _query(STORED, using="tokens", limit=15),
    "a stored point with a numeric id": _query(10, using="pool", limit=15),
    "a stored point in the prefetch": _query(
        STORED,
        using="tokens",
        prefetch=models.Prefetch(query=STORED, using="pool", limit=40),
        limit=15,
    ),
    "no query": _query(limit=25),
    "no query, filtered": _query(limit=25, query_filter=RED),
    "exact": _pool(search_params=models.SearchParams(exact=True)),
    "hnsw_ef": _pool(search_params=models.SearchParams(hnsw_ef=128)),
    "oversampling": _pool(
        search_params=models.SearchParams(
            quantization=models.QuantizationSearchParams(rescore=True, oversampling=2.0)
        )
    ),
    "with payload": _pool(with_payload=True),
    "without payload": _pool(with_payload=False),
    "payload of two fields": _pool(with_payload=["color", "maker.country"]),
    "payload of a list's objects": _pool(with_payload=["parts[].name"]),
    "payload of no such field": _pool(with_payload=["nowhere"]),
    "payload but for some": _pool(
        with_payload=models.PayloadSelectorExclude(exclude=["maker.country", "sizes"])
    ),
    "with vectors": _pool(with_vectors=True),
    "without vectors": _pool(with_vectors=False),
    "one vector": _pool(with_vectors=["pool"]),
    "two vectors": _pool(with_vectors=["tokens", "pool"]),
}


def _batch(client: QdrantClient, name: str) -> Any:
    requests = [
        models.QueryRequest(query=catalog.query_vector(seed), using="pool", limit=5 + seed)
        for seed in range(4)
    ]
    answers = client.query_batch_points(name, requests)
    return [[plain(hit) for hit in answer.points] for answer in answers]


def _pages(size: int) -> Callable[[QdrantClient, str], Any]:
    """Every page of a scroll: the ids in order, and where each next page begins."""

    def ask(client: QdrantClient, name: str) -> Any:
        pages: list[Any] = []
        offset = None
        while True:
            page, offset = client.scroll(name, limit=size, offset=offset, with_payload=False)
            pages.append(([str(point.id) for point in page], str(offset)))
            if offset is None:
                return [[*ids, following] for ids, following in pages]

    return ask


def _ordered(limit: int = COUNT, **order: Any) -> Scenario:
    """A scroll in order; points of equal value may come in any order."""

    def ask(client: QdrantClient, name: str) -> Any:
        by = models.OrderBy(**order)
        points, following = client.scroll(name, limit=limit, order_by=by, with_payload=False)
        rows = [[float(point.order_value), str(point.id)] for point in points]  # type: ignore[arg-type]
        whole = [row[1] for row in sorted(rows)] if limit == COUNT else None
        return {"values": [row[0] for row in rows], "ids": whole, "next": following}

    return Scenario(ask)


SCROLLS: dict[str, Scenario] = {
    **{f"pages of {size}": Scenario(_pages(size)) for size in (1, 7, 50, COUNT, COUNT + 1)},
    "with payload and vectors": Scenario(
        lambda c, n: [plain(p) for p in c.scroll(n, limit=9, with_vectors=["pool"])[0]]
    ),
    "from an id that is not there": Scenario(
        lambda c, n: [str(p.id) for p in c.scroll(n, limit=9, offset=35, with_payload=False)[0]]
    ),
    **{
        f"by {key}, {direction.value}": _ordered(key=key, direction=direction)
        for key in ("price", "stock")
        for direction in models.Direction
    },
    "from a value up": _ordered(key="price", start_from=100.5),
    "from a value down": _ordered(key="price", start_from=100.5, direction=models.Direction.DESC),
    "from an integer": _ordered(key="stock", start_from=4),
    "the first in order": _ordered(5, key="price", direction=models.Direction.DESC),
}


def _facet(key: str, chosen: models.Filter | None = None, limit: int = 20) -> Scenario:
    """Values with counts; below the limit, of equally frequent values any may be left out."""

    def ask(client: QdrantClient, name: str) -> Any:
        hits = client.facet(name, key, facet_filter=chosen, exact=True, limit=limit).hits
        if limit < 20:
            return sorted(hit.count for hit in hits)
        return sorted([[str(hit.value), hit.count] for hit in hits])

    return Scenario(ask)


FACETS: dict[str, Scenario] = {
    **{key: _facet(key) for key in ("color", "sizes", "stock", "sale")},
    **{f"{key}, filtered": _facet(key, RED) for key in ("color", "sizes", "stock", "sale")},
    "none chosen": _facet("color", COMBINED["has no id"]),
    "the two most frequent": _facet("stock", limit=2),
}

_ASKED: list[Any] = [30, catalog.point_uuid(7), 10, catalog.point_uuid(3), 99_999, 10]


def _retrieve(**options: Any) -> Scenario:
    """Points in the order asked, one of them twice."""
    return Scenario(lambda c, n: [plain(point) for point in c.retrieve(n, _ASKED, **options)])


OTHERS: dict[str, Scenario] = {
    "batch": Scenario(_batch),
    "retrieve": _retrieve(),
    "retrieve without payload": _retrieve(with_payload=False),
    "retrieve some payload": _retrieve(with_payload=["maker.since", "parts"]),
    "retrieve one vector": _retrieve(with_vectors=["pool"]),
    "retrieve all vectors": _retrieve(with_vectors=True),
    "retrieve nobody": Scenario(lambda c, n: [plain(p) for p in c.retrieve(n, [99_999])]),
    "count": Scenario(lambda c, n: c.count(n).count),
    "count about": Scenario(lambda c, n: c.count(n, exact=False).count),
    "exists": Scenario(lambda c, n: [c.collection_exists(n), c.collection_exists("not_there")]),
}

READS: dict[str, Scenario] = {
    f"{group}: {case}": scenario
    for group, cases in {
        "query": QUERIES,
        "scroll": SCROLLS,
        "facet": FACETS,
        "other": OTHERS,
    }.items()
    for case, scenario in cases.items()
}
