"""A collection is optimised beside the service: no search waits, and no write is lost."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from qdrant_edge_server.optimize_copy import copy_tree
from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.congruence.filter_cases import FILTERS
from tests.integration.qdrant_edge_server.congruence.scenario import everything, same
from tests.integration.qdrant_edge_server.scrape import scraped
from tests.support.qdrant import QdrantProcess, running_qdrant

COUNT = 1200
SMALL = models.OptimizersConfigDiff(indexing_threshold=50)
# Enough for a child process on a busy machine.
PATIENCE_S = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[QdrantProcess]:
    with running_qdrant(tmp_path, 0, "--optimize-after", "1000", "--metrics-port", "0") as process:
        yield process


@pytest.fixture
def client(server: QdrantProcess) -> Iterator[QdrantClient]:
    client = server.client(30)
    client.create_collection("products", catalog.PLAIN, optimizers_config=SMALL)
    for field, kind in catalog.INDEXES.items():
        client.create_payload_index("products", field, field_schema=kind)
    for start in range(0, COUNT, 200):
        client.upsert("products", catalog.points(200, start=start), wait=False)
    yield client
    client.close()


def _until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def _folders(server: QdrantProcess) -> list[Path]:
    return list((server.data_dir / "collections").iterdir())


def _children(server: QdrantProcess) -> list[int]:
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def _indexed(client: QdrantClient) -> int:
    return client.get_collection("products").indexed_vectors_count or 0


def test_what_is_written_meanwhile_is_there_afterwards(
    server: QdrantProcess, client: QdrantClient
) -> None:
    """The optimised copy catches up with every kind of write, and a kill loses none of them."""
    metrics_port = server.metrics_port()
    local = QdrantClient(":memory:")
    catalog.make(local, "products", COUNT)
    assert _indexed(client) == 0
    _until(lambda: len(_folders(server)) == 2)
    for number in range(0, 100, 4):
        for each in (client, local):
            _write_some(each, number)
    _until(lambda: len(_folders(server)) == 1)
    assert _indexed(client) > COUNT
    expected = everything(local, "products")
    assert same(everything(client, "products"), expected)
    # Optimised segments have other payload indexes than growing ones.
    for kind, chosen in FILTERS.items():
        counts = [each.count("products", count_filter=chosen).count for each in (client, local)]
        assert counts[0] == counts[1], kind
    for seed in range(3):
        query: dict[str, Any] = {
            "query": catalog.query_vector(seed),
            "using": "pool",
            "search_params": models.SearchParams(exact=True),
        }
        ours, theirs = (each.query_points("products", **query).points for each in (client, local))
        assert [hit.id for hit in ours] == [hit.id for hit in theirs]
    figures = scraped(metrics_port)
    assert figures['recompose_qdrant_edge_optimizations_total{outcome="swapped"}'] == 1
    assert figures["recompose_qdrant_edge_write_hold_seconds_count"] == 1
    assert figures["recompose_qdrant_edge_flush_seconds_count"] > 0
    server.kill()
    with running_qdrant(server.data_dir) as again:
        assert same(everything(again.client(30), "products"), expected)
    local.close()


def _write_some(client: QdrantClient, number: int) -> None:
    client.upsert("products", catalog.points(3, start=COUNT + number), wait=True)
    client.delete("products", [catalog.point_id(number + 1)], wait=False)
    client.set_payload("products", {"color": "gold"}, points=[catalog.point_id(number + 2)])
    priced = models.FieldCondition(key="price", range=models.Range(gte=number, lt=number + 1))
    client.set_payload("products", {"stock": 99}, points=models.Filter(must=[priced]))
    client.delete_payload("products", ["sizes"], points=models.Filter(must=[priced]))


def test_a_killed_child_costs_nothing(server: QdrantProcess, client: QdrantClient) -> None:
    metrics_port = server.metrics_port()
    before = everything(client, "products")
    _until(lambda: bool(_children(server)))
    for pid in _children(server):
        os.kill(pid, signal.SIGKILL)
    abandoned = 'recompose_qdrant_edge_optimizations_total{outcome="abandoned"}'
    _until(lambda: scraped(metrics_port).get(abandoned) == 1)
    assert len(_folders(server)) == 1
    client.upsert("products", catalog.points(1, start=5), wait=True)
    assert same(everything(client, "products"), before)


def test_a_stop_does_not_wait_for_it(server: QdrantProcess, client: QdrantClient) -> None:
    before = everything(client, "products")
    _until(lambda: len(_folders(server)) == 2)
    children = _children(server)
    assert server.stop() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert len(_folders(server)) == 1
    with running_qdrant(server.data_dir) as again:
        assert same(everything(again.client(30), "products"), before)


def test_a_collection_may_be_dropped_meanwhile(server: QdrantProcess, client: QdrantClient) -> None:
    _until(lambda: len(_folders(server)) == 2)
    client.delete_collection("products")
    _until(lambda: not _folders(server))
    catalog.make(client, "products", 10)
    assert client.count("products").count == 10


def test_a_copy_has_the_bytes_and_not_the_holes(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "sub").mkdir(parents=True)
    with (source / "sub" / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(40 * 2**20)
        file.write(b"middle")
        file.truncate(64 * 2**20)
    (source / "empty").touch()
    copy_tree(source, target)
    copied = target / "sub" / "sparse"
    assert copied.read_bytes() == (source / "sub" / "sparse").read_bytes()
    assert copied.stat().st_blocks * 512 < 2**20
    assert (target / "empty").stat().st_size == 0
    shutil.rmtree(source)
