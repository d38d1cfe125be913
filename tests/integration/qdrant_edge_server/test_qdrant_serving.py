"""Health, the asyncio client, and what happens when too much is asked at once."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from qdrant_client import AsyncQdrantClient, QdrantClient, models
from qdrant_client import grpc as wire
from qdrant_client.grpc import points_service_pb2

from qdrant_edge_server.metrics import Metrics
from qdrant_edge_server.routes import Desk, handlers
from qdrant_edge_server.server import MAX_CALLS, build_server
from qdrant_edge_server.store import Store
from qdrant_edge_server.turn import Turn
from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.refusals import refused
from tests.integration.qdrant_edge_server.scrape import scraped
from tests.support.freeze import freeze
from tests.support.qdrant import QdrantProcess, connected, running_qdrant


def test_health(server: QdrantProcess) -> None:
    with grpc.insecure_channel(f"{server.host}:{server.port}") as channel:
        stub = wire.QdrantStub(channel)  # type: ignore[no-untyped-call]
        reply = stub.HealthCheck(wire.HealthCheckRequest(), timeout=5)
        assert reply.title == "qdrant_edge_server"
        status = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=5
        )
        assert status.status == health_pb2.HealthCheckResponse.SERVING


def test_a_bug_is_answered_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def buggy(request: wire.CountPoints) -> wire.CountResponse:
        raise KeyError(f"about {request.collection_name}")

    service = points_service_pb2.DESCRIPTOR.services_by_name["Points"]
    buggy_server = grpc.server(ThreadPoolExecutor(1))
    desk = Desk(Turn(), Metrics())
    buggy_server.add_generic_rpc_handlers((handlers(service, {"Count": buggy}, desk),))
    port = buggy_server.add_insecure_port("127.0.0.1:0")
    buggy_server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = wire.PointsStub(channel)  # type: ignore[no-untyped-call]
        answer = stub.Count.future(wire.CountPoints(collection_name="a secret"), timeout=5)
        assert answer.code() == grpc.StatusCode.INTERNAL
        assert answer.details() == "The server failed the request."
    buggy_server.stop(None).wait()
    assert "in buggy" in caplog.text
    assert "secret" not in caplog.text


def test_metrics_on_a_port_of_their_own(tmp_path: Path) -> None:
    with running_qdrant(tmp_path, 0, "--metrics-port", "0") as server:
        client = server.client()
        catalog.make(client, "products", 20)
        client.query_points("products", catalog.query_vector(1), using="pool")
        for _ in range(3):
            with refused(grpc.StatusCode.NOT_FOUND):
                client.count("not_there")
        with refused(grpc.StatusCode.UNIMPLEMENTED):
            client.query_points_groups("products", "color", catalog.query_vector(1), using="pool")
        port, name = server.metrics_port(), "recompose_qdrant_edge"
        points = name + '_points{collection="products"}'
        end = time.monotonic() + 30
        while (figures := scraped(port)).get(points) != 20 and time.monotonic() < end:
            time.sleep(0.1)
        assert figures[points] == 20
        assert figures[name + '_indexed_vectors{collection="products"}'] == 0
        for method, code, count in (
            ("Points.Query", "OK", 1),
            ("Points.Upsert", "OK", 1),
            ("Points.CreateFieldIndex", "OK", len(catalog.INDEXES)),
            ("Points.Count", "NOT_FOUND", 3),
            ("Points.QueryGroups", "UNIMPLEMENTED", 1),
        ):
            labels = f'{{code="{code}",method="qdrant.{method}"}}'
            assert figures[f"{name}_calls_total{labels}"] == count
        assert figures[f'{name}_engine_seconds_count{{method="qdrant.Points.Query"}}'] == 1
        assert figures[f"{name}_queue_wait_seconds_count"] >= 10
        assert figures[f"{name}_flush_seconds_count"] >= 1
        assert figures[f"{name}_queue_depth"] == 0
        client.close()


def test_a_taken_metrics_port_is_refused(server: QdrantProcess, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="is the port taken"):
        QdrantProcess(tmp_path, 0, "--metrics-port", str(server.port))


async def test_the_asyncio_client(server: QdrantProcess, client: QdrantClient, name: str) -> None:
    catalog.make(client, name, 100)
    each = server.async_client()
    vector = catalog.query_vector(1)
    prefetch = models.Prefetch(query=vector, using="pool", limit=50)
    answers = await asyncio.gather(
        *(
            each.query_points(name, [vector], using="tokens", prefetch=prefetch, limit=10)
            for _ in range(20)
        )
    )
    first = [hit.id for hit in answers[0].points]
    assert len(first) == 10
    assert all([hit.id for hit in answer.points] == first for answer in answers)
    assert (await each.count(name)).count == 100
    assert await each.collection_exists(name)
    await each.close()


async def test_a_burst_is_served_up_to_the_bound_and_refused_above(tmp_path: Path) -> None:
    turn, store = Turn(), Store(tmp_path)
    with ThreadPoolExecutor(MAX_CALLS) as calls:
        server = build_server(store, Desk(turn, Metrics()), calls)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        client = connected(port, timeout_s=60)
        with turn.taken():  # Nobody gets at the engine, so that everybody waits.
            burst = [asyncio.ensure_future(_outcome(client)) for _ in range(500)]
            answered = asyncio.as_completed(burst)
            first = [await next(answered) for _ in range(500 - MAX_CALLS)]
            assert set(first) == {"RESOURCE_EXHAUSTED"}
            assert turn.waiting == MAX_CALLS
        # No such collection: they have been at the engine.
        assert Counter(await asyncio.gather(*burst))["NOT_FOUND"] == MAX_CALLS
        assert await _outcome(client) == "NOT_FOUND"
        await client.close()
        server.stop(None).wait()
    store.close()


async def test_calls_that_land_too_late_are_dropped() -> None:
    """They land while the process is stopped, and their callers have gone when it goes on."""
    with running_qdrant(None, 0, "--metrics-port", "0") as server:
        hasty = server.async_client(1)
        assert await _outcome(hasty) == "NOT_FOUND"
        freeze(server.process.pid)
        late = await asyncio.gather(*(_outcome(hasty) for _ in range(50)))
        os.kill(server.process.pid, signal.SIGCONT)
        assert set(late) == {"DEADLINE_EXCEEDED"}
        assert await _outcome(hasty) == "NOT_FOUND"
        figures = scraped(server.metrics_port())
        # The first, the last, and those few that were begun before the farewells were read.
        assert (
            2
            <= figures['recompose_qdrant_edge_engine_seconds_count{method="qdrant.Points.Count"}']
            < 10
        )
        await hasty.close()


async def _outcome(client: AsyncQdrantClient) -> str:
    try:
        await client.count("products")
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"
