"""What the trace of a request says of how it ended, on both edges."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.trace import StatusCode

from gateway.edge_parts import Budgets
from gateway.rest_api import build_rest_app
from recompose.v1 import search_pb2
from retrieval.errors import (
    DependencyExhausted,
    DependencyTimeout,
    NotFound,
    Overloaded,
    Reason,
    ServiceUnavailable,
)
from tests.support.edges import grpc_refusal, serving
from tests.support.fake_core import FakeCore, edge_parts
from tests.support.kept_spans import Kept

REST, GRPC = "POST /v1/products:search", "recompose.v1.SearchService/Search"
QUERY = search_pb2.SearchRequest(modification="x")
SAID = "words that somebody said"


async def ask_both(core: FakeCore, **parts: Any) -> Kept:
    """The spans of a search on each edge."""
    kept = Kept()
    async with serving(replace(edge_parts(core), trace=kept.make.request, **parts)) as edges:
        await edges.rest.post("/v1/products:search", json={"modification": "x"})
        with_trailers = edges.search.Search(QUERY)
        if core.error is None and core.hold is None:
            await with_trailers
        else:
            await grpc_refusal(with_trailers)
    return kept


def attributes(kept: Kept, name: str) -> dict[str, Any]:
    return dict(kept[name].attributes or {})


async def test_a_good_answer_has_its_status_and_nothing_more() -> None:
    kept = await ask_both(FakeCore())
    assert attributes(kept, REST)["http.response.status_code"] == 200
    assert attributes(kept, GRPC)["rpc.response.status_code"] == "OK"
    for name in (REST, GRPC):
        assert "error.type" not in attributes(kept, name)
        assert kept[name].status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("error", "reason", "http", "code", "ours"),
    [
        (lambda: ValueError(SAID), "INTERNAL", 500, "INTERNAL", True),
        (
            lambda: DependencyTimeout(dependency="qdrant"),
            "DEPENDENCY_TIMEOUT",
            504,
            "DEADLINE_EXCEEDED",
            True,
        ),
        (
            lambda: ServiceUnavailable(Reason.MODEL_MISMATCH),
            "MODEL_MISMATCH",
            503,
            "UNAVAILABLE",
            True,
        ),
        (lambda: NotFound(Reason.PRODUCT_NOT_FOUND), "PRODUCT_NOT_FOUND", 404, "NOT_FOUND", False),
        (Overloaded, "OVERLOADED", 429, "RESOURCE_EXHAUSTED", False),
        (
            lambda: DependencyExhausted(dependency="triton"),
            "DEPENDENCY_EXHAUSTED",
            429,
            "RESOURCE_EXHAUSTED",
            False,
        ),
    ],
)
async def test_a_failure_has_its_reason_and_is_ours_where_the_status_says_so(
    error: Callable[[], BaseException], reason: str, http: int, code: str, ours: bool
) -> None:
    kept = await ask_both(FakeCore(error=error))
    assert attributes(kept, REST)["http.response.status_code"] == http
    assert attributes(kept, GRPC)["rpc.response.status_code"] == code
    for name in (REST, GRPC):
        assert attributes(kept, name)["error.type"] == reason
        assert (kept[name].status.status_code is StatusCode.ERROR) == ours
        assert kept[name].status.description is None
        assert SAID not in kept[name].to_json()


async def test_time_that_ran_out_is_ours() -> None:
    kept = await ask_both(FakeCore(hold=asyncio.Event()), budgets=Budgets(search_s=0.05))
    for name in (REST, GRPC):
        assert attributes(kept, name)["error.type"] == "DEADLINE_EXCEEDED"
        assert kept[name].status.status_code is StatusCode.ERROR


async def test_a_caller_who_leaves_a_call_is_no_failure_of_ours() -> None:
    core, kept = FakeCore(hold=asyncio.Event()), Kept()
    async with serving(replace(edge_parts(core), trace=kept.make.request)) as edges:
        call = edges.search.Search(QUERY)
        await core.entered.wait()
        call.cancel()
        async with asyncio.timeout(30):
            await core.left.wait()
    found = attributes(kept, GRPC)
    assert (found["error.type"], found["rpc.response.status_code"]) == ("CANCELLED", "CANCELLED")
    assert kept[GRPC].status.status_code is StatusCode.UNSET


async def test_a_caller_who_leaves_a_request_is_no_failure_of_ours() -> None:
    core, kept = FakeCore(hold=asyncio.Event()), Kept()
    app = build_rest_app(replace(edge_parts(core), trace=kept.make.request))
    coming = [{"type": "http.request", "body": b'{"modification": "x"}', "more_body": False}]

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop()
        await core.entered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError("nobody is there to be answered")

    headers = [(b"host", b"shop.test"), (b"content-type", b"application/json")]
    headers.append((b"content-length", b"21"))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/products:search",
        "headers": headers,
    }
    scope |= {"query_string": b"", "scheme": "http", "http_version": "1.1"}
    await app(scope, receive, send)
    found = attributes(kept, REST)
    assert found["error.type"] == "CLIENT_GONE"
    assert "http.response.status_code" not in found
    assert kept[REST].status.status_code is StatusCode.UNSET


async def test_probes_make_no_spans_and_strange_requests_make_no_strange_names() -> None:
    kept = Kept()
    async with serving(replace(edge_parts(FakeCore()), trace=kept.make.request)) as edges:
        for page in ("/healthz", "/readyz", "/metrics"):
            assert (await edges.rest.get(page)).is_success
        await health_pb2_grpc.HealthStub(edges.channel).Check(health_pb2.HealthCheckRequest())
        assert kept.names == []
        await edges.rest.get(f"/{SAID}")
        await edges.rest.request(SAID.replace(" ", ""), "/v1/products:search")
        await edges.rest.get("/v1/products/some-id/image")
        await edges.rest.get("/v1/products/a/b/c")
        unknown: Any = edges.channel.unary_unary("/unknown.Service/Call", None, None)
        with pytest.raises(grpc.aio.AioRpcError):
            await unknown(b"")
    assert sorted(kept.names) == [
        "GET",
        "GET /v1/products/{id}/image",
        "GET /v1/products/{rest:path}",
        "_OTHER /v1/products:search",
    ]
