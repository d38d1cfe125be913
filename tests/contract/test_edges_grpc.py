"""What gRPC alone can get wrong, and what it alone offers: health, reflection, deadlines."""

import asyncio
import struct
import time
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from gateway.admission import Admission
from gateway.edge_parts import Budgets
from gateway.readiness import DRAINING
from recompose.v1 import catalog_pb2, filter_pb2, product_pb2, search_pb2
from tests.support.edges import Edges, grpc_refusal, serving
from tests.support.fake_core import FakeCore, FakeReadiness, edge_parts

QUERY = search_pb2.SearchRequest(modification="x")
SEARCH = "/recompose.v1.SearchService/Search"


def raw_call(edges: Edges, method: str, data: bytes, **options: Any) -> Any:
    return edges.channel.unary_unary(method, None, None)(data, **options)


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


def deep_filter(levels: int) -> bytes:
    """A SearchRequest whose filter is nested so deep, without building it as messages."""
    data = b""
    for _ in range(levels):
        data = b"\x1a" + _varint(len(data)) + data  # Filter.not
    return b'\x1a\x01x"' + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


UNREADABLE = {
    "garbage": b"\xff" * 64,
    "cut short": QUERY.SerializeToString()[:-1],
    "bad UTF-8": b"\x1a\x02\xc3\x28",
    "a lone surrogate": b"\x1a\x03\xed\xa0\x80",
    "depth 101": deep_filter(101),
    "depth 10,000": deep_filter(10_000),
    "a group that never ends": b"\x0b" * 1000,
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
async def test_unreadable_messages_are_refused_and_the_server_lives(data: bytes) -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        refusal = await grpc_refusal(raw_call(edges, SEARCH, data))
        assert (refusal.status, refusal.reason) == ("INVALID_ARGUMENT", "REQUEST_MALFORMED")
        method = "/recompose.v1.CatalogService/ImportProducts"
        stream: Any = edges.channel.stream_unary(method, None, None)
        good = catalog_pb2.ImportProductsRequest().SerializeToString()
        refusal = await grpc_refusal(stream(iter([good, data])))
        assert refusal.reason == "REQUEST_MALFORMED"
        assert core.calls == []
        await edges.search.Search(QUERY)


async def test_odd_but_readable_messages_do_no_harm() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        unknown_field = QUERY.SerializeToString() + b"\xfa\x3e\x04spam"
        await raw_call(edges, SEARCH, unknown_field)
        many = b"\x92\x3f" + _varint(4_000_000) + b"\x00" * 4_000_000  # a million floats
        await raw_call(edges, SEARCH, QUERY.SerializeToString() + many)
        odd = b"\x92\x3f\x07" + b"\x00" * 7  # packed floats whose bytes are no whole number of them
        await raw_call(edges, SEARCH, QUERY.SerializeToString() + odd)
        truncated = search_pb2.SearchRequest(modification="x", page_token="é")
        await edges.search.Search(truncated)
    assert len(core.calls) == 4


async def test_an_unknown_enum_value_is_refused_wherever_there_is_one() -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        number: Any = 99
        search = search_pb2.SearchRequest(modification="x", view=number)
        listing = catalog_pb2.ListProductsRequest(view=-number)
        for call in (edges.search.Search(search), edges.catalog.ListProducts(listing)):
            refusal = await grpc_refusal(call)
            assert (refusal.status, refusal.reason) == ("INVALID_ARGUMENT", "VIEW_INVALID")


async def test_messages_up_to_16_mib_are_read() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:

        def search(size: int) -> Any:
            image = product_pb2.Image(content=bytes(size))
            reference = search_pb2.Reference(image=image)
            return edges.search.Search(search_pb2.SearchRequest(reference=reference))

        await search(10 << 20)
        assert await code_of(search(17 << 20)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        bomb = product_pb2.Image(content=bytes(64 << 20))
        request = search_pb2.SearchRequest(reference=search_pb2.Reference(image=bomb))
        call = edges.search.Search(request, compression=grpc.Compression.Gzip)
        assert await code_of(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
        await edges.search.Search(QUERY)
    assert len(core.calls) == 2


async def test_metadata_over_8_kib_is_refused() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        await edges.search.Search(QUERY, metadata=(("x-filler", "a" * 6_000),))
        for _ in range(5):
            call = edges.search.Search(QUERY, metadata=(("x-filler", "a" * 9_000),))
            assert await code_of(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(core.calls) == 1


async def test_unknown_methods_are_unimplemented() -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        for method in ("/recompose.v1.SearchService/Find", "/recompose.v2.SearchService/Search"):
            assert await code_of(raw_call(edges, method, b"")) is grpc.StatusCode.UNIMPLEMENTED


# --- deadlines and cancellation ---------------------------------------------------------------


@pytest.mark.parametrize(("timeout_s", "budget_s"), [(0.5, 8.0), (30.0, 0.5), (None, 0.5)])
async def test_the_core_gets_the_shorter_of_deadline_and_budget(
    timeout_s: float | None, budget_s: float
) -> None:
    core = FakeCore()
    async with serving(edge_parts(core, budgets=Budgets(search_s=budget_s))) as edges:
        await edges.search.Search(QUERY, timeout=timeout_s)
    (left_s,) = core.deadlines_s
    assert 0.1 < left_s <= 0.5


@pytest.mark.parametrize("timeout", ["0S", "0n"])
async def test_no_time_at_all_is_a_deadline_exceeded(timeout: str) -> None:
    """Sent by hand: no client library sends a call whose time is over."""
    core = FakeCore()
    data = QUERY.SerializeToString()
    async with (
        serving(edge_parts(core)) as edges,
        httpx.AsyncClient(http1=False, http2=True) as client,
    ):
        answer = await client.post(
            f"http://{edges.grpc_address}{SEARCH}",
            content=b"\0" + struct.pack(">I", len(data)) + data,
            headers={"content-type": "application/grpc", "te": "trailers", "grpc-timeout": timeout},
        )
    assert answer.headers["grpc-status"] == str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
    assert core.calls == []


async def test_work_beyond_the_budget_is_cancelled_on_each_edge() -> None:
    core = FakeCore(hold=asyncio.Event())
    async with serving(edge_parts(core, budgets=Budgets(search_s=0.1))) as edges:
        started_s = time.perf_counter()
        refusal = await grpc_refusal(edges.search.Search(QUERY))
        assert (refusal.status, refusal.reason) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
        answer = await edges.rest.post("/v1/products:search", json={"modification": "x"})
        assert answer.status_code == 504
        assert time.perf_counter() - started_s < 2
    assert core.cancelled == 2


async def test_a_client_that_goes_away_cancels_the_work() -> None:
    core = FakeCore(hold=asyncio.Event())
    parts = edge_parts(core)
    async with serving(parts) as edges:
        call = edges.search.Search(QUERY)
        await core.entered.wait()
        call.cancel()
        async with asyncio.timeout(5):
            await core.left.wait()
        core.hold = None
        await edges.search.Search(QUERY)
        assert _counted(parts) == {"CANCELLED", "OK"}
    assert isinstance(parts.admission, Admission)
    assert parts.admission.in_flight == 0


def _counted(parts: Any) -> set[str]:
    return {
        sample.labels["code"]
        for family in parts.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "recompose_requests_total"
    }


async def test_an_import_that_is_never_finished_runs_out_of_time() -> None:
    async def endless() -> Any:
        yield catalog_pb2.ImportProductsRequest()
        await asyncio.sleep(60)

    core = FakeCore()
    async with serving(edge_parts(core, budgets=Budgets(import_s=0.2))) as edges:
        refusal = await grpc_refusal(edges.catalog.ImportProducts(endless()))
    assert refusal.reason == "DEADLINE_EXCEEDED"
    assert core.calls == []


# --- health and reflection --------------------------------------------------------------------

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = ("", "recompose.v1.SearchService", "recompose.v1.CatalogService")


async def test_health_is_readiness_overall_and_by_service() -> None:
    parts = edge_parts(FakeCore())
    readiness: FakeReadiness = parts.readiness  # type: ignore[assignment]
    async with serving(parts) as edges:
        health = health_pb2_grpc.HealthStub(edges.channel)
        for ready, status in ((True, SERVING), (False, NOT_SERVING), (True, SERVING)):
            readiness.state = (ready, "" if ready else "triton is away")
            for name in NAMES:
                answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == status
            rest = await edges.rest.get("/readyz")
            assert rest.status_code == (200 if ready else 503)
            assert rest.json()["reason"] == readiness.state[1]
        unknown = health.Check(health_pb2.HealthCheckRequest(service="recompose.v1.Other"))
        assert await code_of(unknown) is grpc.StatusCode.NOT_FOUND


async def test_watching_health_tells_changes_and_ends_with_the_server() -> None:
    parts = edge_parts(FakeCore())
    readiness: FakeReadiness = parts.readiness  # type: ignore[assignment]
    async with serving(parts) as edges:
        watch = health_pb2_grpc.HealthStub(edges.channel).Watch(health_pb2.HealthCheckRequest())
        statuses = []
        async for answer in watch:
            statuses.append(answer.status)
            readiness.state = (False, DRAINING)
    assert statuses == [SERVING, NOT_SERVING]


async def test_reflection_lists_the_services() -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        stub = reflection_pb2_grpc.ServerReflectionStub(edges.channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]
    names = {service.name for service in answers[0].list_services_response.service}
    assert names >= {*NAMES[1:], "grpc.health.v1.Health"}


async def test_a_filter_that_protobuf_admits_but_the_core_never_would_is_refused() -> None:
    message = filter_pb2.Filter()
    message.ParseFromString(deep_filter(45)[5:])
    async with serving(edge_parts(FakeCore())) as edges:
        request = search_pb2.SearchRequest(modification="x", filter=message)
        assert (await grpc_refusal(edges.search.Search(request))).reason == "FILTER_TOO_DEEP"
