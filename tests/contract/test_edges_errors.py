"""Every kind and every reason of failure, on each edge, as the table says."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2
from grpc.aio import AioRpcError
from grpc_status import rpc_status

from gateway.error_table import INTERNAL_REASON, INTERNAL_SENTENCE, TABLE
from recompose.v1 import catalog_pb2, search_pb2
from retrieval import errors
from retrieval.errors import SENTENCES, Kind, Reason, RecomposeError
from tests.support.calls import grpc_calls, rest_calls
from tests.support.edges import Refusal, grpc_refusal, rest_refusal, serving
from tests.support.fake_core import FakeCore, edge_parts

SECRET = "red dress of Ada"

KINDS: dict[Kind, Callable[[], RecomposeError]] = {
    Kind.MALFORMED: lambda: errors.MalformedRequest(Reason.REQUEST_MALFORMED),
    Kind.UNAUTHENTICATED: lambda: errors.Unauthenticated(Reason.CREDENTIALS_INVALID),
    Kind.FORBIDDEN: lambda: errors.PermissionDenied(Reason.CATALOG_FORBIDDEN, field="catalog"),
    Kind.INVALID: lambda: errors.InvalidText(Reason.TEXT_TOO_LONG, field="modification"),
    Kind.TOO_LARGE: lambda: errors.ImageTooLarge(Reason.IMAGE_TOO_MANY_BYTES),
    Kind.UNSUPPORTED: lambda: errors.UnsupportedImage(Reason.IMAGE_FORMAT_UNSUPPORTED),
    Kind.NOT_FOUND: lambda: errors.NotFound(Reason.PRODUCT_NOT_FOUND, field="id"),
    Kind.PRECONDITION: lambda: errors.FailedPrecondition(Reason.IMAGE_HOST_UNREACHABLE),
    Kind.EXHAUSTED: lambda: errors.DependencyExhausted(dependency="triton", retry_after_s=2.5),
    Kind.UNAVAILABLE: lambda: errors.DependencyUnavailable(dependency="qdrant"),
    Kind.TIMEOUT: lambda: errors.DependencyTimeout(dependency="triton"),
    Kind.BROKEN: lambda: errors.DependencyBroken(dependency="triton"),
}


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
async def test_each_row_on_each_call_of_each_edge(kind: Kind) -> None:
    error, row = KINDS[kind](), TABLE[kind]
    expected = Refusal(row.grpc.name, error.reason.value, error.field, error.sentence)
    async with serving(edge_parts(FakeCore(error=KINDS[kind]))) as edges:
        for method, path, arguments in rest_calls().values():
            answer = await edges.rest.request(method, path, **arguments)
            assert (answer.status_code, rest_refusal(answer)) == (row.http, expected)
            assert ("retry-after" in answer.headers) == (kind is Kind.EXHAUSTED)
        for call in grpc_calls(edges).values():
            assert await grpc_refusal(call) == expected


async def test_each_reason_on_each_edge() -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        for reason in Reason:
            core.error = partial(errors.InvalidArgument, reason, field="filter")
            answer = await edges.rest.post("/v1/products:search", json={"modification": "x"})
            expected = Refusal("INVALID_ARGUMENT", reason.value, "filter", SENTENCES[reason])
            assert rest_refusal(answer) == expected
            call = edges.search.Search(search_pb2.SearchRequest(modification="x"))
            assert await grpc_refusal(call) == expected


async def test_a_hint_when_to_try_again_is_given_on_each_edge() -> None:
    core = FakeCore(error=KINDS[Kind.EXHAUSTED])
    async with serving(edge_parts(core)) as edges:
        answer = await edges.rest.get("/v1/products/p")
        assert answer.headers["retry-after"] == "3"  # whole seconds, rounded up
        with pytest.raises(AioRpcError) as caught:
            await edges.catalog.GetProduct(catalog_pb2.GetProductRequest(id="p"))
    failed_call: Any = caught.value
    status = rpc_status.from_call(failed_call)
    retry = error_details_pb2.RetryInfo()
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay == duration_pb2.Duration(seconds=2, nanos=500_000_000)


async def test_a_bug_is_opaque_on_each_call_of_each_edge() -> None:
    expected = Refusal("INTERNAL", INTERNAL_REASON, "", INTERNAL_SENTENCE)
    async with serving(edge_parts(FakeCore(error=lambda: ValueError(SECRET)))) as edges:
        for method, path, arguments in rest_calls().values():
            answer = await edges.rest.request(method, path, **arguments)
            assert answer.status_code == 500
            assert rest_refusal(answer) == expected
            assert SECRET not in answer.text
        for call in grpc_calls(edges).values():
            assert await grpc_refusal(call) == expected


async def test_a_refusal_at_the_door_reaches_no_core() -> None:
    core = FakeCore()
    async with serving(edge_parts(core, limit=0)) as edges:
        for method, path, arguments in rest_calls().values():
            answer = await edges.rest.request(method, path, **arguments)
            assert (answer.status_code, rest_refusal(answer).reason) == (429, "OVERLOADED")
        for call in grpc_calls(edges).values():
            assert (await grpc_refusal(call)).reason == "OVERLOADED"
        assert (await edges.rest.get("/healthz")).status_code == 200
    assert core.calls == []


@pytest.mark.parametrize("sent", ["good-id_0123456789", "bad\r\nid: x", "x", None, "é" * 12])
async def test_a_request_id_is_kept_if_it_is_well_formed(sent: str | None) -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        headers = [] if sent is None else [(b"x-request-id", sent.encode())]
        got = (await edges.rest.get("/v1/products/p", headers=headers)).headers["x-request-id"]
        assert (got == sent) == (sent == "good-id_0123456789")
        assert got.isascii()
        assert "\n" not in got
        if sent is not None and sent.isascii() and sent.isprintable():
            call = edges.catalog.GetProduct(
                catalog_pb2.GetProductRequest(id="p"), metadata=(("x-request-id", sent),)
            )
            trailers = await call.trailing_metadata()
            (told,) = [value for key, value in trailers if key == "x-request-id"]
            assert (told == sent) == (sent == "good-id_0123456789")


async def test_every_answer_is_counted_once_by_edge_method_and_code() -> None:
    core = FakeCore()
    parts = edge_parts(core)
    async with serving(parts) as edges:
        await edges.rest.get("/v1/products/p")
        await edges.rest.get("/nowhere/at/all")
        await edges.catalog.GetProduct(catalog_pb2.GetProductRequest(id="p"))
        core.error = KINDS[Kind.NOT_FOUND]
        await edges.rest.get("/v1/products/p")
        await grpc_refusal(edges.catalog.GetProduct(catalog_pb2.GetProductRequest(id="p")))
        text = (await edges.rest.get("/metrics")).text
    for labels in (
        'code="200",edge="rest",method="GetProduct"',
        'code="404",edge="rest",method="GetProduct"',
        'code="404",edge="rest",method="unmatched"',
        'code="OK",edge="grpc",method="GetProduct"',
        'code="NOT_FOUND",edge="grpc",method="GetProduct"',
    ):
        assert f"recompose_requests_total{{{labels}}} 1.0" in text
