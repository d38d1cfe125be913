"""What was acknowledged is there after a kill, a stop, and a restart."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grpc import RpcError
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models

from qdrant_edge_server.registry import Registry, RegistryUnreadable
from tests.integration.qdrant_edge_server import catalog
from tests.support.qdrant import QdrantProcess, running_qdrant

BATCH = 64


def test_every_acknowledged_point_survives_kills(tmp_path: Path) -> None:
    """Killed twice in the middle of an import: nothing acknowledged is missing or torn."""
    acknowledged = 0
    for kills in range(2):
        with running_qdrant(tmp_path) as server:
            client = server.client()
            if kills == 0:
                catalog.make(client, "products", config=catalog.PRODUCTS)
            before = acknowledged
            threading.Timer(0.5 + 0.3 * kills, server.process.kill).start()
            try:
                while True:
                    client.upsert("products", catalog.points(BATCH, start=acknowledged), wait=True)
                    acknowledged += BATCH
            except RpcError:
                server.process.wait(10)
            client.close()
        assert acknowledged > before, "the kill came before the first batch"
    with running_qdrant(tmp_path) as server:
        found, _ = server.client().scroll("products", limit=100_000, with_vectors=True)
    stored: dict[str, Any] = {point.payload["id"]: point for point in found if point.payload}
    assert set(stored) >= {f"p{number}" for number in range(acknowledged)}
    for number in range(acknowledged):
        point, expected = stored[f"p{number}"], catalog.vectors(number)
        assert point.payload == catalog.payload(number)
        np.testing.assert_allclose(point.vector["pool"], expected["pool"], atol=1e-6)
        np.testing.assert_allclose(point.vector["tokens"], expected["tokens"], atol=1e-3)


def test_all_kinds_of_writes_survive_a_kill(tmp_path: Path) -> None:
    alias = models.CreateAlias(collection_name="products_a", alias_name="products")
    orphan = tmp_path / "collections" / "0123456789abcdef"
    with running_qdrant(tmp_path) as server:
        client = server.client()
        catalog.make(client, "products_a", 20)
        client.create_collection("products_b", catalog.PRODUCTS, metadata={"digest": "1a2b"})
        client.create_collection("products_c", catalog.PRODUCTS)
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
        client.update_collection("products_b", metadata={"candidates": 500})
        client.delete_collection("products_c")
        client.delete("products", [0, 10])
        client.set_payload("products", {"color": "gold"}, points=[catalog.point_uuid(3)])
        client.delete_payload_index("products", "sizes")
        answer = client.upsert("products", catalog.points(5, start=100), wait=False)
        assert answer.status == models.UpdateStatus.ACKNOWLEDGED
        before = client.get_collection("products_b")
        server.kill()
        client.close()
    # What a creation cut short leaves: a folder the registry does not name, and half a registry.
    (orphan / "segments").mkdir(parents=True)
    (tmp_path / "registry.tmp").write_text('{"format": 1, "coll')
    with running_qdrant(tmp_path) as server:
        client = server.client()
        names = [each.name for each in client.get_collections().collections]
        assert names == ["products_a", "products_b"]
        assert client.count("products").count == 18 + 5
        assert [h.count for h in client.facet("products", "color").hits if h.value == "gold"] == [1]
        assert set(client.get_collection("products_a").payload_schema) == {*catalog.INDEXES} - {
            "sizes"
        }
        assert client.get_collection("products_b") == before
        assert before.config.metadata == {"digest": "1a2b", "candidates": 500}
        assert not orphan.exists()
        client.close()


def test_a_stop_is_clean_and_a_start_indexes(tmp_path: Path) -> None:
    """The graph and the int8 forms are built at the start, before the port opens."""
    count = 1500
    with running_qdrant(tmp_path) as server:
        client = server.client()
        client.create_collection(
            "products",
            catalog.PRODUCTS,
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=50),
        )
        for start in range(0, count, 250):
            client.upsert("products", catalog.points(250, start=start), wait=False)
        assert client.get_collection("products").indexed_vectors_count == 0
        assert server.stop() == 0
        client.close()
    with running_qdrant(tmp_path) as server:
        client = server.client()
        info = client.get_collection("products")
        assert (info.points_count, info.indexed_vectors_count) == (count, 2 * count)
        tokens = np.stack([catalog.tokens(number) for number in range(count)])
        for seed in range(5):
            vector = catalog.query_vector(seed)
            scores = (tokens @ np.asarray(vector, np.float32)).max(axis=1)
            best = set(np.argsort(-scores)[:20].tolist())
            # int8 says who is near; the scores are the float16 tokens' own.
            int8 = _found(client, vector, tolerance_of=None)
            exact = _found(client, vector, tolerance_of=scores)
            assert len(best & int8) >= 18
            assert len(best & exact) >= 19
        # It still takes writes, of known points too.
        client.upsert("products", catalog.points(10, start=count - 5), wait=True)
        assert client.count("products").count == count + 5
        client.close()


def _found(
    client: QdrantClient, vector: list[float], *, tolerance_of: NDArray[np.float32] | None
) -> set[int]:
    """The 20 best of a query over all points, by number.

    Args:
        tolerance_of: where given, ask for unquantised scores, and compare them with these.
    """
    exact = tolerance_of is not None
    hits = client.query_points(
        "products",
        [vector],
        using="tokens",
        prefetch=models.Prefetch(query=vector, using="pool", limit=1500),
        limit=20,
        search_params=models.SearchParams(
            quantization=models.QuantizationSearchParams(ignore=exact)
        ),
    ).points
    found = {int(hit.payload["id"][1:]): hit.score for hit in hits if hit.payload}
    if tolerance_of is not None:
        for number, score in found.items():
            assert score == pytest.approx(tolerance_of[number], abs=1e-3)
    return set(found)


def test_a_second_process_on_the_folder_is_refused(tmp_path: Path) -> None:
    with running_qdrant(tmp_path) as server:
        with pytest.raises(RuntimeError, match="is in use by another process"):
            QdrantProcess(tmp_path)
        assert server.client().get_collections().collections == []


def test_a_taken_port_is_refused(server: QdrantProcess, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="is the port taken"):
        QdrantProcess(tmp_path, server.port)


@pytest.mark.parametrize("text", ["{", '{"format": 2}', "[]", '{"format": 1}'])
def test_a_damaged_registry_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "registry.json"
    path.write_text(text)
    with pytest.raises(RegistryUnreadable, match=r"is damaged|has another format"):
        Registry(path)
