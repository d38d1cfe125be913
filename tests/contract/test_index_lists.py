"""Lists under filters: the same pages from the fake, local mode and a real server."""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from retrieval.domain import AllOf, Filter, Match, Not, Product, Range
from retrieval.errors import InvalidArgument, Reason
from retrieval.ports import CatalogIndex
from retrieval.qdrant import connect
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import CATALOG, FIELDS, FILTERS, catalog_of
from tests.support.local_qdrant import LocalQdrant
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import qdrant_index, server_in_memory, soon

pytestmark = pytest.mark.filterwarnings(
    "ignore:Payload indexes have no effect in the local Qdrant",
    "ignore:Local mode performs exact",
)
ITEMS = catalog_of(60)
PRODUCTS = sorted((item.product for item in ITEMS), key=lambda product: product.point_id)
RED = Match("color", ("red",))


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest_asyncio.fixture(params=["fake", "local", "server"])
async def index(request: pytest.FixtureRequest) -> AsyncIterator[CatalogIndex]:
    """An index of 60 products, beside as many of another catalog."""
    elsewhere = catalog_of(60, catalog="autumn")
    if request.param == "fake":
        fake = FakeIndex(FIELDS)
        await fake.put([*ITEMS, *elsewhere], soon())
        yield fake
        return
    if request.param == "local":
        client = LocalQdrant()
    else:
        client = connect(request.getfixturevalue("server").url)
    real = qdrant_index(client)
    await real.ensure_collection(soon())
    await real.put([*ITEMS, *elsewhere], soon())
    yield real
    await client.delete_collection(real.collection)
    await real.close()


async def pages_of(
    index: CatalogIndex, filter: Filter | None, limit: int, after: uuid.UUID | None = None
) -> list[list[Product]]:
    """All pages from a place on."""
    pages = list[list[Product]]()
    while after is not None or not pages:
        page, after = await index.list(CATALOG, limit, after, soon(), filter=filter)
        pages.append(page)
    return pages


@pytest.mark.parametrize("limit", [1, 7, 60])
async def test_pages_hold_each_product_that_passes_once_and_in_order(
    index: CatalogIndex, limit: int
) -> None:
    for name, (filter, rule) in FILTERS.items():
        passing = [product for product in PRODUCTS if rule(product)]
        full = [passing[start : start + limit] for start in range(0, len(passing), limit)]
        assert await pages_of(index, filter, limit) == (full or [[]]), name


async def test_a_list_goes_on_where_a_product_does_not_pass_any_more(index: CatalogIndex) -> None:
    reds = [product for product in PRODUCTS if product.attributes["color"] == "red"]
    page, after = await index.list(CATALOG, 4, None, soon(), filter=RED)
    assert (page, after) == (reds[:4], reds[4].point_id)
    blue = replace(reds[4], attributes={**reds[4].attributes, "color": "blue"})
    await index.replace_payload(blue, soon())
    await index.delete([reds[5].point_id], soon())
    assert await pages_of(index, RED, 60, after) == [reds[6:]]


async def test_what_comes_to_pass_joins_the_pages_that_are_still_to_come(
    index: CatalogIndex,
) -> None:
    reds = [product for product in PRODUCTS if product.attributes["color"] == "red"]
    _, after = await index.list(CATALOG, 4, None, soon(), filter=RED)
    repainted = [
        replace(product, attributes={"color": "red"})
        for product in (PRODUCTS[0], PRODUCTS[-1])
        if product not in reds
    ]
    assert repainted
    for product in repainted:
        await index.replace_payload(product, soon())
    late = [product for product in repainted if product.point_id > reds[4].point_id]
    assert await pages_of(index, RED, 60, after) == [[*reds[4:], *late]]


@pytest.mark.parametrize(
    "filter",
    [
        Match("fabric", ("wool",)),
        Range("fabric", 1.0),
        AllOf((RED, Not(Match("fabric", ("wool",))))),
    ],
    ids=str,
)
async def test_a_list_under_a_filter_on_an_unknown_field_is_refused(
    index: CatalogIndex, filter: Filter
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await index.list(CATALOG, 10, None, soon(), filter=filter)
    assert caught.value.reason is Reason.FILTER_FIELD_UNKNOWN
