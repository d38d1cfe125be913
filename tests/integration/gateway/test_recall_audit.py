"""The recall audit of a real index: a geometry that pooling keeps, and one that it loses.

The tokens of a product are its own direction and noise, mixed to the cosine between two of them
that is wanted. The index is restarted before it is audited, which builds graph and int8 forms.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from qdrant_client import models

from gateway.audit.recall import ENOUGH, TOP, RecallAudit, candidate_depths
from retrieval.domain import (
    Deadline,
    F32Array,
    IndexedProduct,
    IndexQuery,
    Pooled,
    Ranked,
    Route,
    Scan,
    Tuning,
)
from retrieval.qdrant import QdrantIndex, connect
from retrieval.qdrant.schema import vectors_config
from tests.support.index_cases import CATALOG, exact_scores, product, unit
from tests.support.qdrant import QdrantProcess, running_qdrant
from tests.support.qdrant_index import MEMORY_FOLDER

COUNT, QUERY_TOKENS, EMBED_DIM = 2000, 8, 32
SMALLEST_DEPTH = 100


@pytest.fixture(autouse=True)
def repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every audit draws the same sample."""
    monkeypatch.setattr("retrieval.qdrant.audits.uuid.uuid4", lambda: uuid.UUID(int=1 << 126))


def alike(cosine: float, *, seed: int = 1) -> list[IndexedProduct]:
    """Products with tokens [K, D] whose cosines to each other have this mean."""
    rng = np.random.default_rng(seed)
    own = unit(rng.normal(size=(COUNT, 1, EMBED_DIM)))
    noise = unit(rng.normal(size=(COUNT, QUERY_TOKENS, EMBED_DIM)))
    tokens = unit(np.sqrt(cosine) * own + np.sqrt(1 - cosine) * noise)
    return [IndexedProduct(product(n), tokens[n]) for n in range(COUNT)]


def index_at(process: QdrantProcess) -> QdrantIndex:
    return QdrantIndex(
        connect(process.url),
        digest="a" * 64,
        query_tokens=QUERY_TOKENS,
        embed_dim=EMBED_DIM,
        fields={},
        budget_s=5.0,
    )


@asynccontextmanager
async def indexed(products: list[IndexedProduct]) -> AsyncIterator[QdrantIndex]:
    """These products in an index of their own, with its graph and int8 forms built."""
    with TemporaryDirectory(dir=MEMORY_FOLDER) as folder:
        with running_qdrant(Path(folder)) as process:
            client = connect(process.url)
            index = index_at(process)
            await client.create_collection(
                index.collection,
                vectors_config=vectors_config(EMBED_DIM),
                optimizers_config=models.OptimizersConfigDiff(indexing_threshold=50),
            )
            await index.ensure_collection(Deadline.after(10))
            await index.put(products, Deadline.after(60))
            await client.close()
            await index.close()
            process.stop()
        with running_qdrant(Path(folder)) as process:
            index = index_at(process)
            yield index
            await index.close()


class Slow:
    """The index with one kind of route that takes long, so that which is faster is no chance: as
    scans do in a large catalog, and deep pools in a small one."""

    def __init__(self, index: QdrantIndex, kind: type[Route]) -> None:
        self._index, self._kind = index, kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def search(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        if isinstance(query.route, self._kind):
            await asyncio.sleep(0.05)
        return await self._index.search(query, deadline)


async def audited(index: QdrantIndex, *, slow: type[Route]) -> Tuning:
    audit = RecallAudit(
        Slow(index, slow),  # type: ignore[arg-type]
        index.audits,
        sample=30,
        budget_s=120,
        smallest_depth=SMALLEST_DEPTH,
        random=np.random.default_rng(2),
        rest=0,
    )
    tuning = await audit.run()
    assert tuning is not None
    assert await index.audits.tuning(Deadline.after(5)) == tuning
    assert (tuning.products, tuning.sample) == (COUNT, 60)
    return tuning


async def measured(index: QdrantIndex, products: list[IndexedProduct], route: Route) -> float:
    """Recall@50 of a route over composed queries of another making, by float64 scores."""
    rng = np.random.default_rng(9)
    right = 0
    queries = 10
    for _ in range(queries):
        query = _between(products, rng)
        exact = exact_scores(products, query)
        best = set(sorted(exact, key=lambda one: -exact[one])[:TOP])
        hits = await index.search(IndexQuery(CATALOG, query, TOP, route=route), Deadline.after(10))
        right += len(best & {hit.point_id for hit in hits})
    return right / (queries * TOP)


def _between(products: list[IndexedProduct], rng: np.random.Generator) -> F32Array:
    one, other = rng.choice(len(products), 2, replace=False)
    row = rng.integers(QUERY_TOKENS)
    return unit(products[one].tokens[row] + products[other].tokens[row])


async def test_tokens_that_resemble_each_other_are_searched_by_few_candidates() -> None:
    products = alike(0.6)
    async with indexed(products) as index:
        tuning = await audited(index, slow=Scan)
        assert isinstance(tuning.route, Pooled)
        assert tuning.recall >= ENOUGH
        assert tuning.route.depth <= COUNT // 4
        assert await measured(index, products, tuning.route) >= ENOUGH - 0.01
        # Two steps less is too little, or there are none: one is for what the sample errs.
        depths = candidate_depths(SMALLEST_DEPTH, COUNT)
        place = depths.index(tuning.route.depth)
        if place > 1:
            assert await measured(index, products, Pooled(depths[place - 2])) < ENOUGH


@pytest.mark.parametrize("cosine", [0.35, 0.05])
async def test_tokens_that_do_not_are_scanned(cosine: float) -> None:
    products = alike(cosine)
    async with indexed(products) as index:
        tuning = await audited(index, slow=Pooled)
        assert tuning.route == Scan()
        assert tuning.recall >= ENOUGH
        assert await measured(index, products, Scan()) >= ENOUGH
        assert await measured(index, products, Pooled(COUNT // 4)) < ENOUGH
