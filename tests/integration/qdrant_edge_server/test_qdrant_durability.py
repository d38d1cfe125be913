"""What was acknowledged is there after a kill, a stop, and a restart."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from grpc import RpcError, StatusCode
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient, QdrantClient, models

from qdrant_edge_server.registry import IN_DOUBT_STATUS, Registry, RegistryUnreadable
from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.scrape import scraped
from tests.support.qdrant import QdrantProcess, running_qdrant

KILLS = 100 if os.environ.get("RECOMPOSE_TEST_LONG") else 6
# Optimising beside the service at every breath, so that kills fall into copies and swaps too.
HASTY = """
import sys
from qdrant_edge_server import __main__, optimizer
optimizer._LOOK_EVERY_S = optimizer._QUIET_S = optimizer._PATIENCE_S = 0.05
optimizer._SHARE = 0.0
sys.exit(__main__.main())
"""
# The registry's disk fails while a file stands there: before the new state has its name, or after.
_FAULTY = """
import errno, os
from pathlib import Path
from qdrant_edge_server import registry
replace = os.replace
def failing(*names):
    if not Path({fault!r}).exists():
        return replace(*names)
    if {after}:
        replace(*names)
        registry.sync_directory = out_of_order
        return None
    raise OSError(errno.ENOSPC, "No space left on device")
def out_of_order(path):
    raise OSError(errno.EIO, "Input/output error")
registry.os.replace = failing
"""


def test_what_was_acknowledged_survives_kills_at_seeded_moments(tmp_path: Path) -> None:
    """Upserts, replacements and deletions, killed between an answer and the next or within one."""
    random = Random(4)
    # By number, what a point was last acknowledged to be: the seed of its contents, or gone.
    known: dict[int, int | None] = {}
    for kill in range(KILLS):
        with running_qdrant(tmp_path, 0, "--optimize-after", "20", code=HASTY) as server:
            client = server.client(60)
            if kill == 0:
                client.create_collection(
                    "products",
                    catalog.PLAIN,
                    optimizers_config=models.OptimizersConfigDiff(indexing_threshold=10),
                )
            _check(client, known, in_doubt={})
            timer = threading.Timer(random.uniform(0.05, 2.5), server.process.kill)
            in_doubt: dict[int, int | None] = {}
            acknowledged = 0
            try:
                while True:
                    in_doubt = _next_write(random)
                    _write(client, in_doubt)
                    known |= in_doubt
                    acknowledged += 1
                    if acknowledged == 1:
                        timer.start()
            except RpcError:
                server.process.wait(10)
            client.close()
        assert acknowledged > 0
        with running_qdrant(tmp_path) as server:
            client = server.client(60)
            known |= _check(client, known, in_doubt)
            client.close()
        assert len(list((tmp_path / "collections").iterdir())) == 1
    assert len(known) > 100


def _next_write(random: Random) -> dict[int, int | None]:
    numbers = random.sample(range(1000), random.choice([1, 8, 64]))
    deletion = random.random() < 0.2
    return {number: None if deletion else random.randrange(10_000) for number in numbers}


def _write(client: QdrantClient, write: dict[int, int | None]) -> None:
    gone: list[Any] = [catalog.point_id(number) for number, seed in write.items() if seed is None]
    if gone:
        client.delete("products", gone, wait=True)
        return
    points = [
        models.PointStruct(
            id=catalog.point_id(number),
            vector=catalog.vectors(seed),
            payload={"number": number, "seed": seed},
        )
        for number, seed in write.items()
        if seed is not None
    ]
    client.upsert("products", points, wait=True)


def _check(
    client: QdrantClient, known: dict[int, int | None], in_doubt: dict[int, int | None]
) -> dict[int, int | None]:
    """Every point is what was acknowledged, or what the write that was cut short made of it.

    Returns:
        what those of `in_doubt` are.
    """
    found, _ = client.scroll("products", limit=100_000, with_vectors=True)
    stored: dict[int, int | None] = {}
    for point in found:
        assert point.payload is not None
        number, seed = point.payload["number"], point.payload["seed"]
        assert str(point.id) == str(catalog.point_id(number))
        expected = catalog.vectors(seed)
        vectors: Any = point.vector
        np.testing.assert_allclose(vectors["pool"], expected["pool"], atol=1e-6)
        np.testing.assert_allclose(vectors["tokens"], expected["tokens"], atol=1e-6)
        stored[number] = seed
    for number in known.keys() | stored.keys() | in_doubt.keys():
        allowed = {known.get(number), in_doubt.get(number, known.get(number))}
        assert stored.get(number) in allowed, number
    return {number: stored.get(number) for number in in_doubt}


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


@pytest.mark.parametrize("synced", [False, True])
def test_a_registry_that_cannot_be_written_loses_nothing(tmp_path: Path, synced: bool) -> None:
    """Without its sync the server ends, since either registry may be there; else it goes on."""
    fault = tmp_path / "fault"
    code = HASTY.replace(
        "sys.exit(", _FAULTY.format(fault=str(fault), after=not synced) + "sys.exit("
    )
    data = tmp_path / "data"
    options = "--optimize-after", "20", "--metrics-port", "0"
    with running_qdrant(data, 0, *options, code=code) as server:
        client = server.client(60)
        metrics_port = server.metrics_port()
        small = models.OptimizersConfigDiff(indexing_threshold=10)
        client.create_collection("products", catalog.PLAIN, optimizers_config=small)
        fault.touch()
        client.upsert("products", catalog.points(200), wait=True)
        if synced:
            abandoned = 'recompose_qdrant_edge_optimizations_total{outcome="abandoned"}'
            _until(lambda: scraped(metrics_port).get(abandoned, 0) >= 1)
            fault.unlink()
            client.upsert("products", catalog.points(100, start=200), wait=True)
            swapped = abandoned.replace("abandoned", "swapped")
            _until(lambda: scraped(metrics_port).get(swapped, 0) >= 1)
        else:
            assert server.process.wait(120) == IN_DOUBT_STATUS
            assert "may or may not outlive a power cut" in server.log()
        client.close()
    with running_qdrant(data) as server:
        client = server.client(60)
        assert client.count("products").count == (300 if synced else 200)
        client.close()
    assert len(list((data / "collections").iterdir())) == 1


async def test_a_stop_answers_what_is_in_flight_and_keeps_what_it_answered(tmp_path: Path) -> None:
    with running_qdrant(tmp_path) as server:
        client = server.async_client(60)
        await client.create_collection("products", catalog.PLAIN)
        writes = [asyncio.ensure_future(_upserted(client, number)) for number in range(100)]
        await asyncio.wait(writes, return_when=asyncio.FIRST_COMPLETED)
        server.process.terminate()
        outcomes = await asyncio.gather(*writes)
        assert server.process.wait(60) == 0
        await client.close()
    # What was not taken up yet is turned away, in one of gRPC's two ways.
    assert set(outcomes) <= {StatusCode.OK, StatusCode.UNAVAILABLE, StatusCode.CANCELLED}
    kept = {number for number, code in enumerate(outcomes) if code is StatusCode.OK}
    assert kept
    with running_qdrant(tmp_path) as server:
        again = server.client(60)
        found, _ = again.scroll("products", limit=10_000)
        numbers = Counter(point.payload["number"] // 5 for point in found if point.payload)
        assert all(numbers[number] == 5 for number in kept)
        again.close()


async def _upserted(client: AsyncQdrantClient, number: int) -> StatusCode:
    points = [
        models.PointStruct(
            id=catalog.point_id(each), vector=catalog.vectors(each), payload={"number": each}
        )
        for each in range(number * 5, number * 5 + 5)
    ]
    try:
        await client.upsert("products", points, wait=True)
    except RpcError as error:
        code: StatusCode = error.code()
        return code
    return StatusCode.OK


def _until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not met():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


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
