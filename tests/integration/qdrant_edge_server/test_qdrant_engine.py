"""The engine's panics and a full disk, below the guards that keep the former away."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import qdrant_edge as edge
from qdrant_client import grpc as wire

from qdrant_edge_server.collection import MIN_FREE_BYTES, Collection
from qdrant_edge_server.errors import EngineFailure, OutOfSpace
from qdrant_edge_server.registry import CollectionRecord

RECORD = CollectionRecord(
    directory="shard",
    created_at_s=0.0,
    config=wire.CreateCollection(
        collection_name="products",
        vectors_config=wire.VectorsConfig(
            params_map=wire.VectorParamsMap(
                map={
                    "tokens": wire.VectorParams(
                        size=4,
                        distance=wire.Distance.Dot,
                        multivector_config=wire.MultiVectorConfig(),
                    )
                }
            )
        ),
    ),
)


def _upsert(number: int, rows: list[list[float]]) -> edge.UpdateOperation:
    return edge.UpdateOperation.upsert_points([edge.Point(number, {"tokens": rows})])


def _count(collection: Collection) -> int:
    return collection.read("Count", lambda shard: shard.count(edge.CountRequest()))


def test_a_panic_is_a_failure_that_the_next_start_survives(tmp_path: Path) -> None:
    """Left alone, the engine panics again as it replays its log."""
    path, copy = tmp_path / "shard", tmp_path / "as_a_kill_leaves_it"
    collection = Collection.create("products", RECORD, path)
    collection.update(_upsert(1, [[1.0] * 4]), durable=True)
    with pytest.raises(EngineFailure, match="The update failed"):
        collection.update(_upsert(2, [[1.0] * 4, [1.0] * 3]), durable=False)
    collection.update(_upsert(3, [[1.0] * 4]), durable=False)
    assert _count(collection) == 2
    shutil.copytree(path, copy)
    collection.close()
    again = Collection.load("products", RECORD, copy)
    assert _count(again) == 2
    again.close()


def test_a_write_to_a_nearly_full_disk_is_refused_and_reads_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = Collection.create("products", RECORD, tmp_path / "shard")
    collection.update(_upsert(1, [[1.0] * 4]), durable=True)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, MIN_FREE_BYTES - 1))
    with pytest.raises(OutOfSpace):
        collection.update(_upsert(2, [[1.0] * 4]), durable=True)
    assert _count(collection) == 1
    collection.close()
