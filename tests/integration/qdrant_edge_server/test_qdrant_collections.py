"""Collections, aliases, payload indexes and metadata."""

from __future__ import annotations

from typing import Any

import pytest
from grpc import RpcError, StatusCode
from qdrant_client import QdrantClient, models

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.refusals import refused


def test_create_list_exists_delete(client: QdrantClient, name: str) -> None:
    assert not client.collection_exists(name)
    catalog.make(client, name)
    assert client.collection_exists(name)
    assert name in [each.name for each in client.get_collections().collections]
    assert client.delete_collection(name)
    assert not client.collection_exists(name)
    assert not client.delete_collection(name)


def test_info_tells_settings_and_counts(client: QdrantClient, name: str) -> None:
    catalog.make(client, name, 40, config=catalog.PRODUCTS)
    info = client.get_collection(name)
    assert info.status == models.CollectionStatus.GREEN
    assert info.points_count == 40
    params = info.config.params.vectors
    assert isinstance(params, dict)
    assert params["tokens"].size == catalog.DIM
    assert params["tokens"].datatype == models.Datatype.FLOAT16
    assert params["tokens"].multivector_config == catalog.MAX_SIM
    assert params["pool"].hnsw_config is not None
    assert params["pool"].hnsw_config.ef_construct == 128
    schema = {field: index.data_type for field, index in info.payload_schema.items()}
    assert schema == catalog.INDEXES
    assert info.payload_schema["price"].points == 40


def test_metadata_is_kept_merged_and_removed(client: QdrantClient, name: str) -> None:
    client.create_collection(
        name, vectors_config=catalog.PLAIN, metadata={"digest": "1a2b", "candidates": 500}
    )
    client.update_collection(name, metadata={"candidates": 1000, "recall": 0.997, "note": None})
    assert client.get_collection(name).config.metadata == {
        "digest": "1a2b",
        "candidates": 1000,
        "recall": 0.997,
    }
    client.update_collection(name, metadata={"recall": None})
    metadata = client.get_collection(name).config.metadata
    assert metadata == {"digest": "1a2b", "candidates": 1000}


def test_the_unnamed_vector(client: QdrantClient, name: str) -> None:
    client.create_collection(name, models.VectorParams(size=2, distance=models.Distance.COSINE))
    client.upsert(name, [models.PointStruct(id=1, vector=[3.0, 4.0], payload={})], wait=True)
    hit = client.query_points(name, [3.0, 4.0], with_vectors=True).points[0]
    assert hit.score == pytest.approx(1.0)
    assert hit.vector == pytest.approx([0.6, 0.8])


def test_an_alias_stands_for_its_collection(client: QdrantClient, name: str) -> None:
    catalog.make(client, name, 10)
    alias = f"alias_{name}"
    client.update_collection_aliases([_create(name, alias)])
    assert client.collection_exists(alias)
    assert client.count(alias).count == 10
    assert client.get_collection(alias).points_count == 10
    assert _aliases(client)[alias] == name
    assert [each.alias_name for each in client.get_collection_aliases(name).aliases] == [alias]
    client.upsert(alias, catalog.points(1, start=10), wait=True)
    assert client.count(name).count == 11
    assert not client.delete_collection(alias), "an alias is no collection to delete"
    client.delete_collection(name)
    assert alias not in _aliases(client)


def test_an_alias_moves_in_one_step_and_back(client: QdrantClient, name: str) -> None:
    old, new, alias = name, f"{name}_new", f"alias_{name}"
    catalog.make(client, old, 10)
    catalog.make(client, new, 20)
    client.update_collection_aliases([_create(old, alias)])
    client.update_collection_aliases([_delete(alias), _create(new, alias)])
    assert client.count(alias).count == 20
    client.update_collection_aliases([_create(old, alias)])
    assert client.count(alias).count == 10
    client.update_collection_aliases([_rename(alias, f"{alias}_2")])
    assert _aliases(client)[f"{alias}_2"] == old
    assert alias not in _aliases(client)
    client.delete_collection(new)


def test_a_failing_action_undoes_the_ones_before_it(client: QdrantClient, name: str) -> None:
    catalog.make(client, name)
    before = _aliases(client)
    with refused(StatusCode.NOT_FOUND):
        client.update_collection_aliases([_create(name, "one"), _create("not_there", "two")])
    assert _aliases(client) == before


def test_refused_aliases(client: QdrantClient, name: str) -> None:
    catalog.make(client, name)
    with refused(StatusCode.INVALID_ARGUMENT, "already exists"):
        client.update_collection_aliases([_create(name, name)])
    with refused(StatusCode.NOT_FOUND):
        client.update_collection_aliases([_rename("not_there", "other")])
    client.update_collection_aliases([_delete("not_there")])


def test_refused_collections(client: QdrantClient, name: str) -> None:
    catalog.make(client, name)
    with refused(StatusCode.ALREADY_EXISTS):
        client.create_collection(name, vectors_config=catalog.PLAIN)
    for bad in ("a/b", "x" * 256, "a\x00b"):
        with refused(StatusCode.INVALID_ARGUMENT):
            client.create_collection(bad, vectors_config=catalog.PLAIN)
    other = f"{name}_2"
    with refused(StatusCode.INVALID_ARGUMENT):
        client.create_collection(
            other, vectors_config=models.VectorParams(size=0, distance=models.Distance.DOT)
        )
    with refused(StatusCode.INVALID_ARGUMENT):
        client.create_collection(other, vectors_config={})
    with refused(StatusCode.UNIMPLEMENTED):
        client.create_collection(other, vectors_config=catalog.PLAIN, shard_number=2)
    with refused(StatusCode.UNIMPLEMENTED):
        client.create_collection(
            other,
            vectors_config=catalog.PLAIN,
            sparse_vectors_config={"words": models.SparseVectorParams()},
        )
    with refused(StatusCode.UNIMPLEMENTED):
        client.update_collection(name, hnsw_config=models.HnswConfigDiff(m=4))
    assert not client.collection_exists(other)


def test_a_dropped_index_forgets_facets(client: QdrantClient, name: str) -> None:
    catalog.make(client, name, 20)
    assert client.facet(name, "color").hits
    client.delete_payload_index(name, "color")
    with refused(StatusCode.INVALID_ARGUMENT, "No appropriate index"):
        client.facet(name, "color")
    with refused(StatusCode.INVALID_ARGUMENT, "No range index"):
        client.scroll(name, order_by="color")
    with refused(StatusCode.UNIMPLEMENTED):
        client.create_payload_index(name, "place", field_schema=models.PayloadSchemaType.GEO)


def test_an_index_with_parameters(client: QdrantClient, name: str) -> None:
    catalog.make(client, name)
    indexes: dict[str, Any] = {
        "catalog": models.KeywordIndexParams(
            type=models.KeywordIndexType.KEYWORD, is_tenant=True, on_disk=True
        ),
        "year": models.IntegerIndexParams(
            type=models.IntegerIndexType.INTEGER, lookup=False, range=True
        ),
        "weight": models.FloatIndexParams(type=models.FloatIndexType.FLOAT, is_principal=True),
        "new": models.BoolIndexParams(type=models.BoolIndexType.BOOL, enable_hnsw=False),
    }
    for field, params in indexes.items():
        client.create_payload_index(name, field, params)
    schema = client.get_collection(name).payload_schema
    assert {field: schema[field].params for field in indexes} == indexes


@pytest.mark.parametrize("method", ["count", "scroll", "get_collection", "query_points"])
def test_a_collection_that_is_not_there(client: QdrantClient, method: str) -> None:
    with pytest.raises(RpcError) as caught:
        getattr(client, method)("not_there")
    assert caught.value.code() == StatusCode.NOT_FOUND
    assert "`not_there` doesn't exist" in (caught.value.details() or "")


def _create(collection: str, alias: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(
        create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)
    )


def _delete(alias: str) -> models.DeleteAliasOperation:
    return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))


def _rename(old: str, new: str) -> models.RenameAliasOperation:
    return models.RenameAliasOperation(
        rename_alias=models.RenameAlias(old_alias_name=old, new_alias_name=new)
    )


def _aliases(client: QdrantClient) -> dict[str, str]:
    return {each.alias_name: each.collection_name for each in client.get_aliases().aliases}
