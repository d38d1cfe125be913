"""Queries answer as qdrant-client's local mode does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qdrant_client import QdrantClient, models

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.oracle import Pair

COUNT = 200


@pytest.fixture(scope="module")
def pair(client: QdrantClient) -> Iterator[Pair]:
    local = QdrantClient(":memory:")
    pair = Pair(client, local, "congruence_queries")
    pair.write(lambda each: catalog.make(each, pair.name, COUNT))
    yield pair
    client.delete_collection(pair.name)
    local.close()


@pytest.mark.parametrize("seed", range(5))
def test_pool(pair: Pair, seed: int) -> None:
    assert len(pair.same_hits(catalog.query_vector(seed), using="pool", limit=20)) == 20


@pytest.mark.parametrize("seed", range(5))
def test_tokens_with_one_row(pair: Pair, seed: int) -> None:
    pair.same_hits([catalog.query_vector(seed)], using="tokens", limit=20)


def test_tokens_with_many_rows(pair: Pair) -> None:
    rows = [catalog.query_vector(seed) for seed in range(3)]
    pair.same_hits(rows, using="tokens", limit=20)


def test_a_single_vector_questions_tokens_as_their_only_row(pair: Pair) -> None:
    single = pair.served.query_points(
        pair.name, catalog.query_vector(1), using="tokens", limit=20
    ).points
    rows = pair.same_hits([catalog.query_vector(1)], using="tokens", limit=20)
    assert [(hit.id, hit.score) for hit in single] == [(hit.id, hit.score) for hit in rows]


@pytest.mark.parametrize("candidates", [5, 50, COUNT])
def test_prefetch_from_pool_rescored_with_tokens(pair: Pair, candidates: int) -> None:
    vector = catalog.query_vector(7)
    prefetch = models.Prefetch(query=vector, using="pool", limit=candidates)
    hits = pair.same_hits([vector], using="tokens", prefetch=prefetch, limit=30)
    assert len(hits) == min(30, candidates)


def test_prefetch_within_prefetch(pair: Pair) -> None:
    vector = catalog.query_vector(8)
    inner = models.Prefetch(query=vector, using="pool", limit=60)
    outer = models.Prefetch(query=[vector], using="tokens", prefetch=inner, limit=30)
    pair.same_hits(vector, using="pool", prefetch=outer, limit=10)


def test_filters_of_prefetch_and_query(pair: Pair) -> None:
    vector = catalog.query_vector(9)
    red = models.Filter(must=[_matches("color", "red")])
    prefetch = models.Prefetch(query=vector, using="pool", limit=40, filter=red)
    hits = pair.same_hits(
        [vector], using="tokens", prefetch=prefetch, query_filter=red, limit=10, with_payload=True
    )
    assert {hit.payload["color"] for hit in hits} == {"red"}


def test_limit_and_offset(pair: Pair) -> None:
    vector = catalog.query_vector(2)
    whole = pair.same_hits(vector, using="pool", limit=30)
    page = pair.same_hits(vector, using="pool", limit=10, offset=20)
    assert [hit.id for hit in page] == [hit.id for hit in whole[20:]]


def test_score_threshold(pair: Pair) -> None:
    vector = catalog.query_vector(3)
    hits = pair.same_hits(vector, using="pool", limit=COUNT, score_threshold=0.3)
    assert 0 < len(hits) < COUNT
    assert min(hit.score for hit in hits) >= 0.3


@pytest.mark.parametrize(
    "selector",
    [
        True,
        False,
        ["color", "maker.country"],
        models.PayloadSelectorExclude(exclude=["maker", "sizes"]),
    ],
)
def test_with_payload(pair: Pair, selector: bool) -> None:
    pair.same_hits(catalog.query_vector(4), using="pool", limit=12, with_payload=selector)


@pytest.mark.parametrize("selector", [True, False, ["pool"], ["tokens", "pool"]])
def test_with_vectors(pair: Pair, selector: bool) -> None:
    pair.same_hits(catalog.query_vector(5), using="pool", limit=5, with_vectors=selector)


@pytest.mark.parametrize(
    "params",
    [
        models.SearchParams(exact=True),
        models.SearchParams(hnsw_ef=128),
        models.SearchParams(
            quantization=models.QuantizationSearchParams(rescore=True, oversampling=2.0)
        ),
    ],
)
def test_search_params(pair: Pair, params: models.SearchParams) -> None:
    pair.same_hits(catalog.query_vector(6), using="pool", limit=20, search_params=params)


@pytest.mark.parametrize("using", ["pool", "tokens"])
def test_a_stored_point_as_the_query_is_not_its_own_hit(pair: Pair, using: str) -> None:
    own = catalog.point_uuid(13)
    hits = pair.same_hits(own, using=using, limit=15)
    assert own not in [hit.id for hit in hits]


def test_a_stored_point_as_prefetch(pair: Pair) -> None:
    prefetch = models.Prefetch(query=catalog.point_uuid(13), using="pool", limit=40)
    hits = pair.same_hits(catalog.point_uuid(13), using="tokens", prefetch=prefetch, limit=15)
    assert catalog.point_uuid(13) not in [hit.id for hit in hits]


def test_batch(pair: Pair) -> None:
    requests = [
        models.QueryRequest(query=catalog.query_vector(seed), using="pool", limit=5 + seed)
        for seed in range(4)
    ]
    served = pair.served.query_batch_points(pair.name, requests)
    local = pair.local.query_batch_points(pair.name, requests)
    assert [[hit.id for hit in answer.points] for answer in served] == [
        [hit.id for hit in answer.points] for answer in local
    ]
    assert [len(answer.points) for answer in served] == [5, 6, 7, 8]


def test_without_a_query_points_come_by_id(pair: Pair) -> None:
    pair.same_hits(limit=25)


def _matches(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))
