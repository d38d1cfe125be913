"""The routes of a search: where candidates come from, in the fake, local mode and a real server."""

from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
import pytest_asyncio

from retrieval.domain import Exact, F32Array, IndexQuery, Match, Pooled, Route, Scan
from retrieval.ports import ProductIndex
from retrieval.qdrant import connect
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import (
    CATALOG,
    FIELDS,
    assert_ranking,
    catalog_of,
    exact_scores,
    random_query,
    unit,
)
from tests.support.local_qdrant import LocalQdrant
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import qdrant_index, server_in_memory, soon

pytestmark = pytest.mark.filterwarnings(
    "ignore:Payload indexes have no effect in the local Qdrant",
    "ignore:Local mode performs exact",
)
COUNT = 120
PRODUCTS = catalog_of(COUNT)


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest_asyncio.fixture(params=["fake", "local", "server"])
async def index(request: pytest.FixtureRequest) -> AsyncIterator[ProductIndex]:
    if request.param == "fake":
        fake = FakeIndex(FIELDS)
        await fake.put(PRODUCTS, soon())
        yield fake
        return
    if request.param == "local":
        client = LocalQdrant()
    else:
        client = connect(request.getfixturevalue("server").url)
    real = qdrant_index(client)
    await real.ensure_collection(soon())
    await real.put(PRODUCTS, soon())
    yield real
    await real.close()


@pytest.mark.parametrize("route", [Exact(), Scan(), Pooled(COUNT), None])
@pytest.mark.parametrize("vectors", [random_query(seed=1), PRODUCTS[17].tokens])
async def test_a_route_that_leaves_nothing_out_ranks_by_late_interaction(
    index: ProductIndex, route: Route | None, vectors: F32Array
) -> None:
    ranked = await index.search(IndexQuery(CATALOG, vectors, 30, route=route), soon())
    assert_ranking(ranked, exact_scores(PRODUCTS, vectors), 30)


@pytest.mark.parametrize("route", [Exact(), Scan(), Pooled(COUNT)])
async def test_every_route_keeps_to_catalog_filter_and_exclusions(
    index: ProductIndex, route: Route
) -> None:
    query, red = random_query(seed=2), Match("color", ("red",))
    passing = [item for item in PRODUCTS if item.product.attributes["color"] == "red"]
    excluded = (passing[3].product.point_id,)
    asked = IndexQuery(CATALOG, query, COUNT, red, excluded, route)
    left = [item for item in passing if item.product.point_id not in excluded]
    assert_ranking(await index.search(asked, soon()), exact_scores(left, query), COUNT)
    elsewhere = IndexQuery("autumn", query, COUNT, route=route)
    assert await index.search(elsewhere, soon()) == []


async def test_a_pooled_search_ranks_its_nearest_pooled_vectors_and_no_others(
    index: ProductIndex,
) -> None:
    # The tenth is nearer than the eleventh by far more than float16 rounds.
    query = random_query(seed=4)
    pools = unit(np.stack([item.tokens.mean(axis=0) for item in PRODUCTS]))
    nearest = [PRODUCTS[n] for n in np.argsort(-(pools @ query))[:10]]
    ranked = await index.search(IndexQuery(CATALOG, query, 6, route=Pooled(10)), soon())
    assert_ranking(ranked, exact_scores(nearest, query), 6)
    # More hits than candidates would be too few: then as many are taken as hits are wanted.
    ranked = await index.search(IndexQuery(CATALOG, query, 10, route=Pooled(6)), soon())
    assert_ranking(ranked, exact_scores(nearest, query), 10)
