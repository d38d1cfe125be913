"""One contract, three indexes: the fake, qdrant-client's local mode, and a real server process."""

import math
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from gateway.grouping import best_of_groups
from retrieval.domain import (
    AllOf,
    AnyOf,
    Filter,
    IndexedProduct,
    IndexQuery,
    Match,
    Not,
    Product,
    Range,
    Ranked,
    point_id,
)
from retrieval.errors import InvalidArgument, Reason, ServiceUnavailable
from tests.support.index_backends import KINDS, Backend, Index, backend_of
from tests.support.index_cases import (
    CATALOG,
    FILTERS,
    assert_ranking,
    catalog_of,
    exact_scores,
    ids,
    product,
    random_query,
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


@pytest_asyncio.fixture(params=KINDS)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with backend_of(request.param, lambda: request.getfixturevalue("server").url) as backend:
        yield backend


@pytest.fixture
def index(backend: Backend) -> Index:
    return backend.index


@pytest.fixture
def products() -> Sequence[IndexedProduct]:
    return catalog_of(COUNT)


@pytest_asyncio.fixture
async def filled(index: Index, products: Sequence[IndexedProduct]) -> Index:
    await index.put(products, soon())
    return index


async def search(index: Index, query: Any, limit: int = COUNT, **rest: Any) -> list[Ranked]:
    asked = IndexQuery(rest.pop("catalog", CATALOG), query, limit, **rest)
    return await index.search(asked, soon())


# --- searching ------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 7, COUNT, 500])
async def test_a_composed_query_is_ranked_by_exact_late_interaction(
    filled: Index, products: Sequence[IndexedProduct], limit: int
) -> None:
    query = random_query(seed=1)
    assert_ranking(await search(filled, query, limit), exact_scores(products, query), limit)


async def test_an_image_only_query_scores_the_mean_best_match(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    query = products[17].tokens
    ranked = await search(filled, query, 20)
    assert_ranking(ranked, exact_scores(products, query), 20)
    assert ranked[0].point_id == products[17].product.point_id
    assert ranked[0].score == pytest.approx(1.0, abs=2e-3)


async def test_a_filter_lets_through_what_its_rule_says(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    query = random_query(seed=2)
    for name, (filter, rule) in FILTERS.items():
        passing = [item for item in products if rule(item.product)]
        ranked = await search(filled, query, filter=filter)
        found = {hit.point_id for hit in ranked}
        assert found == {item.product.point_id for item in passing}, name
        assert_ranking(ranked, exact_scores(passing, query), COUNT)


@pytest.mark.parametrize(
    ("filter", "reason"),
    [
        (Match("fabric", ("wool",)), Reason.FILTER_FIELD_UNKNOWN),
        (Range("fabric", 1.0), Reason.FILTER_FIELD_UNKNOWN),
        (AllOf((Not(AnyOf((Match("fabric", ("wool",)),))),)), Reason.FILTER_FIELD_UNKNOWN),
    ],
)
async def test_a_filter_on_an_unknown_field_is_refused(
    filled: Index, filter: Filter, reason: Reason
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await search(filled, random_query(seed=2), filter=filter)
    assert caught.value.reason is reason


async def test_excluded_points_are_not_found(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    query = random_query(seed=3)
    best = await search(filled, query, 5)
    excluded = (best[0].point_id, best[3].point_id, uuid.uuid4())
    exact = exact_scores(products, query)
    left = {key: score for key, score in exact.items() if key not in excluded}
    assert_ranking(await search(filled, query, 5, exclude=excluded), left, 5)


@pytest.mark.parametrize("field", ["color", "tags", "made in"])
async def test_a_query_tells_the_words_that_its_hits_have_in_a_field(
    filled: Index, products: Sequence[IndexedProduct], field: str
) -> None:
    query = random_query(seed=9)
    ranked = await search(filled, query, values_of=field)
    assert_ranking(ranked, exact_scores(products, query), COUNT)
    words: dict[uuid.UUID, Any] = {
        item.product.point_id: item.product.attributes.get(field, ()) for item in products
    }
    assert {hit.point_id: hit.values for hit in ranked} == {
        key: (value,) if isinstance(value, str) else tuple(value) for key, value in words.items()
    }
    assert {hit.values for hit in await search(filled, query)} == {()}


async def test_groups_are_the_same_over_every_index(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    """Rounds of 3 over 4 colors and 120 products; a list of words stands for all of them."""
    query = IndexQuery(CATALOG, random_query(seed=10), 3)
    exact = exact_scores(products, query.vectors)
    best = sorted(products, key=lambda item: -exact[item.product.point_id])
    for field in ("color", "tags"):
        expected, taken = list[uuid.UUID](), set[Any]()
        for item in best:
            value: Any = item.product.attributes.get(field, ())
            values = {value} if isinstance(value, str) else {*value}
            if taken.isdisjoint(values):
                expected.append(item.product.point_id)
                taken |= values
        found = await best_of_groups(filled, query, field, soon())
        assert [hit.point_id for hit in found] == expected[:3], field


async def test_pools_are_the_normalised_means_of_the_tokens(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    wanted = [products[n] for n in (3, 0, 7)]
    asked = [*(item.product.point_id for item in wanted), uuid.uuid4()]
    pools = await filled.pools(asked, soon())
    assert pools.keys() == {item.product.point_id for item in wanted}
    for item in wanted:
        mean = item.tokens.astype(np.float16).astype(np.float32).mean(axis=0)
        expected = mean / np.linalg.norm(mean)
        assert pools[item.product.point_id] == pytest.approx(expected, abs=1e-5)
    assert await filled.pools([], soon()) == {}


async def test_catalogs_do_not_see_each_other(filled: Index) -> None:
    other = catalog_of(5, catalog="autumn", seed=8)
    await filled.put(other, soon())
    query = random_query(seed=4)
    assert_ranking(await search(filled, query, catalog="autumn"), exact_scores(other, query), COUNT)
    assert ids(range(5), "autumn").isdisjoint(hit.point_id for hit in await search(filled, query))
    assert await search(filled, query, catalog="winter") == []


# --- products -------------------------------------------------------------------------------


async def test_products_come_back_as_they_were_put(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    wanted = [products[n].product for n in (3, 0, 7)]
    asked = [*(one.point_id for one in wanted), uuid.uuid4()]
    assert await filled.get(asked, soon()) == {one.point_id: one for one in wanted}
    assert await filled.get([], soon()) == {}


async def test_a_second_put_replaces_tokens_and_payload(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    changed = IndexedProduct(
        replace(product(4), title="Coat", attributes={"color": "blue"}),
        random_tokens(1, seed=99)[0],
    )
    await filled.put([changed], soon())
    query = random_query(seed=5)
    now = [changed if n == 4 else item for n, item in enumerate(products)]
    assert_ranking(await search(filled, query), exact_scores(now, query), COUNT)
    found = await filled.get([changed.product.point_id], soon())
    assert found == {changed.product.point_id: changed.product}


async def test_tokens_that_are_not_of_unit_norm_are_refused_and_nothing_is_written(
    index: Index,
) -> None:
    good, bad = catalog_of(2)
    for factor in (0.0, 2.0, math.nan):
        with pytest.raises(ValueError, match="unit norm"):
            await index.put([good, IndexedProduct(bad.product, bad.tokens * factor)], soon())
    assert await index.get([good.product.point_id], soon()) == {}


async def test_a_replaced_payload_keeps_the_tokens(
    filled: Index, products: Sequence[IndexedProduct]
) -> None:
    changed = replace(product(4), title="Coat", attributes={"color": "violet", "note": ["a", 1.0]})
    await filled.replace_payload(changed, soon())
    assert await filled.get([changed.point_id], soon()) == {changed.point_id: changed}
    query = random_query(seed=6)
    assert_ranking(await search(filled, query), exact_scores(products, query), COUNT)
    (hit,) = await search(filled, query, filter=Match("color", ("violet",)))
    assert hit.point_id == changed.point_id


async def test_a_payload_of_a_product_that_is_not_there_is_not_written(backend: Backend) -> None:
    await backend.index.replace_payload(product(1), soon())
    assert await backend.index.get([product(1).point_id], soon()) == {}


async def test_a_payload_does_not_come_to_lie_beside_another_picture(backend: Backend) -> None:
    """Two writers looked at one product: the picture that one of them wrote stays whole."""
    (before,) = catalog_of(1)
    await backend.index.put([before], soon())
    other = replace(before.product, source_sha256="b" * 64, title="with another picture")
    await backend.index.put([replace(before, product=other)], soon())
    await backend.index.replace_payload(replace(before.product, title="late"), soon())
    assert await backend.index.get([other.point_id], soon()) == {other.point_id: other}


async def test_deleted_points_are_gone(filled: Index, products: Sequence[IndexedProduct]) -> None:
    gone = [products[n].product.point_id for n in (0, 50)]
    await filled.delete([*gone, uuid.uuid4()], soon())
    await filled.delete(gone, soon())
    await filled.delete([], soon())
    assert await filled.get(gone, soon()) == {}
    left = [item for item in products if item.product.point_id not in gone]
    query = random_query(seed=7)
    assert_ranking(await search(filled, query), exact_scores(left, query), COUNT)


# --- listing --------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1 + COUNT // 3, COUNT, 7])
async def test_pages_hold_each_product_of_the_catalog_once(filled: Index, limit: int) -> None:
    await filled.put(catalog_of(5, catalog="autumn"), soon())
    listed: list[Product] = []
    after = None
    while True:
        page, after = await filled.list(CATALOG, limit, after, soon())
        assert len(page) == limit or after is None
        listed.extend(page)
        if after is None:
            break
    assert [one.point_id for one in listed] == sorted(ids(range(COUNT)))
    assert {one.id: one for one in listed} == {product(n).id: product(n) for n in range(COUNT)}


async def test_a_list_goes_on_where_a_product_was_deleted(filled: Index) -> None:
    _, after = await filled.list(CATALOG, 10, None, soon())
    assert after is not None
    await filled.delete([after], soon())
    page, _ = await filled.list(CATALOG, 10, after, soon())
    assert page[0].point_id == sorted(ids(range(COUNT)))[11]


async def test_an_empty_catalog_has_an_empty_list(index: Index) -> None:
    assert await index.list(CATALOG, 10, None, soon()) == ([], None)


# --- the live collection --------------------------------------------------------------------


async def test_check_passes_only_while_the_alias_names_this_collection(backend: Backend) -> None:
    await backend.make_live(True)
    await backend.index.check(soon())
    await backend.make_live(False)
    with pytest.raises(ServiceUnavailable) as caught:
        await backend.index.check(soon())
    assert caught.value.reason is Reason.MODEL_MISMATCH


def test_point_ids_of_the_cases_are_those_of_the_domain() -> None:
    assert ids([3]) == {point_id(CATALOG, "sku 3")}
