"""Facets: the same counts and ranges from the fake, local mode and a real server."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from retrieval.domain import Facet, FacetValue, IndexedProduct, Match, NumberRange, Range
from retrieval.errors import InvalidArgument, Reason
from tests.support.index_backends import KINDS, Index, backend_of
from tests.support.index_cases import (
    CATALOG,
    COLORS,
    FILTERS,
    catalog_of,
    product,
    random_tokens,
)
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory, soon

pytestmark = pytest.mark.filterwarnings(
    "ignore:Payload indexes have no effect in the local Qdrant",
    "ignore:Local mode performs exact",
)
COUNT = 120


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest.fixture
def products() -> Sequence[IndexedProduct]:
    return catalog_of(COUNT)


@pytest_asyncio.fixture(params=KINDS)
async def filled(
    request: pytest.FixtureRequest, products: Sequence[IndexedProduct]
) -> AsyncIterator[Index]:
    async with backend_of(request.param, lambda: request.getfixturevalue("server").url) as backend:
        await backend.index.put(products, soon())
        yield backend.index


async def test_facets_count_values_most_frequent_first(filled: Index) -> None:
    await filled.put(catalog_of(9, catalog="autumn"), soon())
    all_products = [product(n) for n in range(COUNT)]
    color, tags, sale = [
        await filled.facet(CATALOG, field, None, 10, soon()) for field in ("color", "tags", "sale")
    ]
    assert (color.field, tags.field, sale.field) == ("color", "tags", "sale")
    assert {value.value: value.count for value in color.values} == dict.fromkeys(COLORS, COUNT // 4)
    assert {value.value: value.count for value in tags.values} == {
        tag: sum(tag in one.attributes.get("tags", ()) for one in all_products)  # type: ignore[operator]
        for tag in ("cotton", "wool", "linen")
    }
    counts = [value.count for value in tags.values]
    assert counts == sorted(counts, reverse=True)
    assert {type(value.value) for value in sale.values} == {bool}
    assert sum(value.count for value in sale.values) == sum(
        "sale" in one.attributes for one in all_products
    )
    assert color.range is tags.range is sale.range is None


async def test_facets_keep_to_filter_and_limit(filled: Index) -> None:
    red = Match("color", ("red",))
    color = await filled.facet(CATALOG, "color", red, 10, soon())
    assert color.values == (FacetValue("red", COUNT // 4),)
    tags = await filled.facet(CATALOG, "tags", None, 2, soon())
    assert len(tags.values) == 2


async def test_a_facet_lets_through_what_the_filter_of_a_search_does(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    for name, (filter, rule) in FILTERS.items():
        passing = [item.product for item in products if rule(item.product)]
        color = await filled.facet(CATALOG, "color", filter, 10, soon())
        counted = Counter(one.attributes["color"] for one in passing)
        assert {value.value: value.count for value in color.values} == counted, name
        prices: list[Any] = [
            one.attributes["price"] for one in passing if "price" in one.attributes
        ]
        price = await filled.facet(CATALOG, "price", filter, 10, soon())
        expected = NumberRange(min(prices), max(prices)) if prices else None
        assert price == Facet("price", (), expected), name


async def test_a_range_takes_each_number_of_a_list_and_leaves_other_catalogs_out(
    filled: Index,
) -> None:
    cheap = product(1, "autumn", sizes=[1.0, 99.0])
    await filled.put([IndexedProduct(cheap, random_tokens(1, seed=1)[0])], soon())
    sizes = await filled.facet(CATALOG, "sizes", None, 10, soon())
    assert sizes == Facet("sizes", (), NumberRange(36.0, 44.5))
    quoted = await filled.facet(CATALOG, "eu.size", Range("eu.size", 3.0, 5.0), 10, soon())
    assert quoted.range == NumberRange(3.0, 5.0)
    # One number of a list lets its product through, and all of them are told.
    autumn = await filled.facet("autumn", "sizes", Range("sizes", 50.0, None), 10, soon())
    assert autumn.range == NumberRange(1.0, 99.0)


async def test_a_field_that_is_not_filterable_has_no_facet(filled: Index) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await filled.facet(CATALOG, "fabric", None, 10, soon())
    assert caught.value.reason is Reason.FACET_FIELD_UNKNOWN
