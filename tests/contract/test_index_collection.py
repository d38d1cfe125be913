"""The collection of a model: how it is made, when it is live, and how it ranks once indexed."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from qdrant_client import models

from retrieval.domain import Exact, IndexQuery, Scan
from retrieval.errors import ServiceUnavailable
from retrieval.qdrant import QdrantIndex, connect
from retrieval.qdrant.schema import vectors_config
from tests.support.index_cases import (
    CATALOG,
    EMBED_DIM,
    FLOAT16_ROUNDING,
    assert_ranking,
    catalog_of,
    exact_scores,
    random_query,
)
from tests.support.qdrant import QdrantProcess, running_qdrant
from tests.support.qdrant_index import MEMORY_FOLDER, qdrant_index, server_in_memory, soon


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


async def test_two_replicas_may_create_the_collection_at_once(server: QdrantProcess) -> None:
    client = connect(server.url)
    index = qdrant_index(client)
    await asyncio.gather(*(index.ensure_collection(soon()) for _ in range(4)))
    assert await index.search(IndexQuery(CATALOG, random_query(seed=1), 5), soon()) == []
    await client.close()


async def test_a_quantised_collection_is_ranked_by_its_float16_tokens() -> None:
    products = catalog_of(600)
    query = random_query(seed=11)
    exact = exact_scores(products, query)
    with TemporaryDirectory(dir=MEMORY_FOLDER) as folder:
        with running_qdrant(Path(folder)) as process:
            index = qdrant_index(connect(process.url), digest="d" * 64)
            await _create_with_low_threshold(index, process)
            await index.put(products, soon())
            await index.close()
            process.stop()
        with running_qdrant(Path(folder)) as process:  # which optimises as it starts
            client = connect(process.url)
            index = qdrant_index(client, digest="d" * 64)
            info = await client.get_collection(index.collection)
            assert info.indexed_vectors_count
            for route in (None, Scan(), Exact()):
                ranked = await index.search(IndexQuery(CATALOG, query, 50, route=route), soon())
                assert_ranking(ranked, exact, 50)
            # Without our search parameters the scores are those of the int8 form.
            left_to_itself = await client.query_points(
                index.collection, query=[query.tolist()], using="tokens", limit=50
            )
            assert any(
                abs(hit.score - exact[uuid.UUID(str(hit.id))]) > FLOAT16_ROUNDING
                for hit in left_to_itself.points
            )
            await client.close()


async def _create_with_low_threshold(index: QdrantIndex, process: QdrantProcess) -> None:
    """A collection that is quantised and indexed from a few kilobytes on."""
    client = connect(process.url)
    await client.create_collection(
        index.collection,
        vectors_config=vectors_config(EMBED_DIM),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=50),
    )
    await client.close()
    await index.ensure_collection(soon())


async def test_the_first_collection_goes_live_and_no_later_one_takes_its_place() -> None:
    with server_in_memory() as fresh:
        first, second = (qdrant_index(connect(fresh.url)) for _ in range(2))
        await first.ensure_collection(soon())
        await first.check(soon())
        await second.ensure_collection(soon())
        await first.check(soon())
        with pytest.raises(ServiceUnavailable):
            await second.check(soon())
        await first.close()
        await second.close()


async def test_the_collection_is_made_as_the_design_says(server: QdrantProcess) -> None:
    client = connect(server.url)
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    info = await client.get_collection(index.collection)
    vectors = info.config.params.vectors
    assert isinstance(vectors, dict)
    tokens, pool = vectors["tokens"], vectors["pool"]
    assert (tokens.size, tokens.distance) == (EMBED_DIM, models.Distance.DOT)
    assert tokens.multivector_config is not None
    assert tokens.datatype is models.Datatype.FLOAT16
    assert tokens.on_disk
    assert tokens.hnsw_config is not None
    assert tokens.hnsw_config.m == 0
    assert pool.hnsw_config is not None
    assert (pool.hnsw_config.m, pool.hnsw_config.ef_construct) == (16, 128)
    for vector, in_ram in ((tokens, False), (pool, True)):
        assert isinstance(vector.quantization_config, models.ScalarQuantization)
        assert vector.quantization_config.scalar.type is models.ScalarType.INT8
        assert vector.quantization_config.scalar.always_ram is in_ram
    assert {path: found.data_type.value for path, found in info.payload_schema.items()} == {
        "catalog": "keyword",
        "updated_at_s": "float",
        "attributes.color": "keyword",
        "attributes.tags": "keyword",
        "attributes.price": "float",
        "attributes.sizes": "float",
        "attributes.sale": "bool",
        'attributes."made in"': "keyword",
        'attributes."eu.size"': "float",
    }
    assert info.payload_schema["catalog"].params == models.KeywordIndexParams(
        type=models.KeywordIndexType.KEYWORD, is_tenant=True
    )
    await client.close()
