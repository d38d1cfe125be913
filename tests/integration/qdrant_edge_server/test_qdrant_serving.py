"""Health, the asyncio client, and what happens when too much is asked at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from qdrant_client import AsyncQdrantClient, QdrantClient, models
from qdrant_client import grpc as wire
from qdrant_client.grpc import points_service_pb2

from qdrant_edge_server.routes import handlers
from tests.integration.qdrant_edge_server import catalog
from tests.support.qdrant import QdrantProcess, running_qdrant


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
    buggy_server.add_generic_rpc_handlers((handlers(service, {"Count": buggy}),))
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


async def test_a_burst_is_served_up_to_the_bound_and_refused_above() -> None:
    """Calls land while the process is stopped: in time some are refused, late ones are dropped."""
    with running_qdrant() as server:
        client = server.client()
        catalog.make(client, "products", 200)
        client.close()
        patient, hasty = server.async_client(20), server.async_client(1)
        await asyncio.gather(patient.count("products"), hasty.count("products"))

        os.kill(server.process.pid, signal.SIGSTOP)
        calls = [asyncio.ensure_future(_outcome(patient, number)) for number in range(500)]
        late = await asyncio.gather(*(_outcome(hasty, number) for number in range(50)))
        os.kill(server.process.pid, signal.SIGCONT)

        assert set(late) == {"DEADLINE_EXCEEDED"}
        outcomes = Counter(await asyncio.gather(*calls))
        assert set(outcomes) == {"OK", "RESOURCE_EXHAUSTED"}
        assert outcomes["OK"] >= 20
        assert await _outcome(hasty, 0) == "OK"
        await patient.close()
        await hasty.close()


async def _outcome(client: AsyncQdrantClient, seed: int) -> str:
    try:
        await client.query_points("products", catalog.query_vector(seed), using="pool", limit=50)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"
