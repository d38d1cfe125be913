"""Traces as a collector gets them: of a gateway process between real parts, on both edges."""

import base64
import secrets
from collections.abc import Iterator, Sequence

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.semconv._incubating.attributes import rpc_attributes as rpc
from opentelemetry.semconv.attributes import (
    db_attributes,
    error_attributes,
    http_attributes,
    server_attributes,
    url_attributes,
)

from recompose.v1 import product_pb2, search_pb2
from tests.support.collector import Received
from tests.support.grpc_tap import Passed, Tap
from tests.support.traced_gateway import TracedGateway, traced_gateway
from tests.support.two_bundles import drawn_picture

SEARCH = "POST /v1/products:search"
INFER = "inference.GRPCInferenceService/ModelInfer"
STATE = "shop=t61rcWkgMzE"
# Said by a shopper or a shop, and nobody else's business.
WORDS, TITLE, COLOR = "Marigoldenword", "Heliotropetitle", "cinnabarvalue"


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracedGateway]:
    with traced_gateway(tmp_path_factory.mktemp("traced")) as found:
        found.products += [found.add(number, f"{TITLE} {number}", color=COLOR) for number in (1, 2)]
        yield found


def parent(sampled: bool = True) -> tuple[str, str, dict[str, str]]:
    """A caller's trace id, span id, and the headers that tell them."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    header = f"00-{trace}-{span}-{'01' if sampled else '00'}"
    return trace, span, {"traceparent": header, "tracestate": STATE}


def named(spans: Sequence[Received], start: str) -> list[Received]:
    return [one for one in spans if one.name.startswith(start)]


def server(spans: Sequence[Received]) -> Received:
    (found,) = (one for one in spans if one.kind == "SERVER")
    return found


def in_trace(tap: Tap, trace: str) -> list[Passed]:
    return [call for call in tap.calls if trace in str(call.metadata.get("traceparent"))]


def check_whole(spans: Sequence[Received], callers_span: str) -> None:
    """One tree, whose root is the request and whose leaves are where the time went."""
    own = {one.span for one in spans}
    assert server(spans).parent == callers_span
    assert all(one.parent in own for one in spans if one.kind != "SERVER")
    assert {one.kind for one in spans} == {"SERVER", "INTERNAL", "CLIENT"}


def check_passed_on(traced: TracedGateway, trace: str, spans: Sequence[Received]) -> None:
    """Triton and Qdrant were told of the very span that is their call."""
    for tap, methods, start in (
        (traced.triton, {"ModelInfer"}, INFER),
        (traced.qdrant, {"Query", "Get"}, ""),
    ):
        calls = in_trace(tap, trace)
        assert {call.method.rpartition("/")[2] for call in calls} == methods
        clients = {one.span for one in named(spans, start) if one.kind == "CLIENT"}
        for call in calls:
            assert str(call.metadata["traceparent"]).split("-")[2] in clients
            assert call.metadata["tracestate"] == STATE


def test_a_search_over_rest_is_one_trace_through_all_parts(traced: TracedGateway) -> None:
    trace, span, headers = parent()
    body = {"reference": {"product_id": "p1"}, "modification": f"red {WORDS}"}
    answer = traced.rest.post("/v1/products:search", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    spans = traced.collector.trace(trace)
    check_whole(spans, span)
    check_passed_on(traced, trace, spans)

    request = server(spans)
    assert request.name == SEARCH
    assert request.state == STATE
    assert request.attributes == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/v1/products:search",
        "http.response.status_code": 200,
        "recompose.request_id": answer.headers["x-request-id"],
    }
    assert request.resource["service.name"] == "recompose-gateway"
    assert request.resource["deployment.environment.name"] == "test"

    (resolved,) = named(spans, "resolve reference")
    assert (resolved.parent, resolved.attributes) == (
        request.span,
        {"recompose.reference": "product"},
    )
    queries = [one.attributes for one in spans if one.attributes.get("db.system.name") == "qdrant"]
    collections = {one["db.collection.name"] for one in queries}
    assert {one["db.operation.name"] for one in queries} == {"query_points", "retrieve"}
    assert len(collections) == 1
    assert collections.pop().startswith("products_")
    commands = {one.name for one in spans if one.attributes.get("db.system.name") == "redis"}
    assert commands == {"GET", "SET"}
    (composed,) = (
        one
        for one in named(spans, INFER)
        if one.attributes["recompose.model.graph"] == "fusion_encoder"
    )
    assert composed.attributes["rpc.method"] == INFER
    assert composed.attributes["recompose.batch_size"] == 1
    digest = composed.attributes["recompose.model.digest"]
    assert composed.attributes["recompose.model.name"] == f"fusion_encoder_{digest[:12]}"


def test_a_search_over_grpc_is_one_trace_and_what_is_cached_makes_it_short(
    traced: TracedGateway,
) -> None:
    question = search_pb2.SearchRequest(modification="blue coat")
    outcomes = []
    for _ in range(2):
        trace, span, headers = parent()
        traced.search.Search(question, metadata=tuple(headers.items()), timeout=60)
        spans = traced.collector.trace(trace)
        assert server(spans).name == "recompose.v1.SearchService/Search"
        assert server(spans).parent == span
        assert server(spans).attributes["rpc.response.status_code"] == "OK"
        outcomes += [one.attributes["recompose.cache.outcome"] for one in named(spans, "cache get")]
        inferred = len(named(spans, INFER))
        if len(outcomes) == 1:
            assert inferred == 1
            check_whole(spans, span)
            assert len(in_trace(traced.triton, trace)) == 1
    assert outcomes == ["miss", "hit"]
    assert inferred == 0


def test_an_import_is_a_trace_too(traced: TracedGateway) -> None:
    traced.add(3, "a coat")
    spans = traced.collector.until(
        lambda spans: len(named(spans, "recompose.v1.CatalogService/ImportProducts")) == 3
    )
    last = named(spans, "recompose.v1.CatalogService/ImportProducts")[-1]
    assert last.parent == ""
    within = {one.name.split(" ")[0] for one in spans if one.trace == last.trace}
    assert within == {
        "recompose.v1.CatalogService/ImportProducts",
        "retrieve",
        "prepare",
        INFER,
        "upsert",
        # The first write after a while asks which model is live.
        *within & {"get_collections", "get_aliases"},
    }


def test_probes_and_what_the_gateway_does_by_itself_make_no_spans(traced: TracedGateway) -> None:
    for page in ("/healthz", "/readyz", "/metrics"):
        assert traced.rest.get(page).is_success
    health = health_pb2_grpc.HealthStub(traced.channel)
    health.Check(health_pb2.HealthCheckRequest(), timeout=30)
    trace, _, headers = parent()
    traced.rest.get("/v1/products/p1", headers=headers)
    traced.collector.trace(trace)  # what was before it has come, too

    spans = traced.collector.spans
    assert not [one for one in spans if one.kind != "SERVER" and not one.parent]
    names = {one.name for one in spans if one.kind == "SERVER"}
    assert not [name for name in names if any(p in name for p in ("z", "metrics", "Health"))]
    # Trials of Triton and readings of the alias were made all the time.
    assert [call for call in traced.triton.of("ModelInfer") if "traceparent" not in call.metadata]
    assert [call for call in traced.qdrant.of("ListAliases") if "traceparent" not in call.metadata]


@pytest.mark.parametrize(
    ("status", "reason", "http"),
    [
        (grpc.StatusCode.INTERNAL, "DEPENDENCY_BROKEN", 502),
        (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", 503),
    ],
)
def test_an_upstream_that_fails_is_told_by_our_reason_alone(
    traced: TracedGateway, status: grpc.StatusCode, reason: str, http: int
) -> None:
    trace, _, headers = parent()
    traced.qdrant.refusals["Query"] = status
    try:
        body = {"modification": "red coat"}
        answer = traced.rest.post("/v1/products:search", json=body, headers=headers)
        assert answer.status_code == http
    finally:
        traced.qdrant.refusals.clear()
    spans = traced.collector.trace(trace)
    failed = [one for one in spans if one.failed]
    assert {one.error_type for one in failed} == {reason}
    assert {one.name.split(" ")[0] for one in failed} == {"POST", "query_points"}
    assert server(spans).attributes["http.response.status_code"] == http
    assert Tap.WORDS.encode() not in traced.collector.bytes

    (line,) = (one for one in traced.gateway.logged("request_failed") if one["trace_id"] == trace)
    assert line["span_id"] == server(spans).span
    assert line["request_id"] == server(spans).attributes["recompose.request_id"]


def test_triton_failing_and_redis_gone_are_steps_that_failed(traced: TracedGateway) -> None:
    trace, _, headers = parent()
    traced.triton.refusals["ModelInfer"] = grpc.StatusCode.INTERNAL
    traced.redis.kill()
    try:
        question = search_pb2.SearchRequest(modification="a red hood")
        with pytest.raises(grpc.RpcError):
            traced.search.Search(question, metadata=tuple(headers.items()), timeout=60)
    finally:
        traced.triton.refusals.clear()
        traced.redis.start()
    spans = traced.collector.trace(trace)
    errors = {one.name: one.error_type for one in spans if one.failed}
    assert errors.pop("GET") == "unavailable"
    assert errors == dict.fromkeys(
        ("recompose.v1.SearchService/Search", "embed", INFER), "DEPENDENCY_BROKEN"
    )
    assert server(spans).attributes["rpc.response.status_code"] == "INTERNAL"
    (looked_up,) = named(spans, "cache get")
    assert looked_up.attributes == {"recompose.cache.outcome": "absent"}


def test_what_a_caller_does_wrong_is_no_failure_of_the_service(traced: TracedGateway) -> None:
    trace, _, headers = parent()
    traced.rest.get("/v1/products/nothing", headers=headers)
    spans = traced.collector.trace(trace)
    assert server(spans).error_type == "PRODUCT_NOT_FOUND"
    assert not [one for one in spans if one.failed]

    trace, _, headers = parent()
    assert traced.rest.get(f"/{WORDS}", headers=headers).status_code == 404
    (lost,) = traced.collector.trace(trace)
    assert lost.name == "GET"
    assert lost.attributes["http.response.status_code"] == 404


def test_a_trace_that_its_caller_does_not_keep_is_passed_on_and_not_kept(
    traced: TracedGateway,
) -> None:
    unkept, _, headers = parent(sampled=False)
    traced.rest.get("/v1/products/p1", headers=headers)
    kept, _, later = parent()
    traced.rest.get("/v1/products/p1", headers=later)
    traced.collector.trace(kept)
    assert not [one for one in traced.collector.spans if one.trace == unkept]
    (call,) = in_trace(traced.qdrant, unkept)
    assert str(call.metadata["traceparent"]).endswith("-00")


@pytest.mark.parametrize(
    "traceparent",
    ["", "00-0-0-01", f"00-{'0' * 32}-{'1' * 16}-01", f"ff-{'1' * 32}-{'1' * 16}-01", "x" * 900],
)
def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(
    traced: TracedGateway, traceparent: str
) -> None:
    request_id = secrets.token_hex(8)
    headers = {"traceparent": traceparent, "tracestate": WORDS, "x-request-id": request_id}
    assert traced.rest.get("/v1/products/p1", headers=headers).status_code == 200
    spans = traced.collector.until(
        lambda spans: [one for one in spans if request_id in one.attributes.values()]
    )
    (found,) = (one for one in spans if request_id in one.attributes.values())
    assert (found.parent, found.state) == ("", "")


def test_nothing_that_somebody_said_or_showed_is_in_what_is_exported_or_logged(
    traced: TracedGateway,
) -> None:
    picture = drawn_picture(9)
    body = {
        "reference": {"image": {"content": base64.b64encode(picture).decode()}},
        "modification": f"blue {WORDS}",
        "filter": {"field": "color", "any_of": [COLOR]},
    }
    trace, _, headers = parent()
    headers |= {"user-agent": WORDS, "referer": f"http://shop.test/?q={WORDS}", "baggage": WORDS}
    answer = traced.rest.post(f"/v1/products:search?q={WORDS}", json=body, headers=headers)
    assert answer.status_code == 422  # no parameter is known
    answer = traced.rest.post("/v1/products:search", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    question = search_pb2.SearchRequest(
        reference=search_pb2.Reference(image=product_pb2.Image(content=picture)),
        modification=f"with {WORDS}",
    )
    traced.search.Search(question, metadata=(("traceparent", headers["traceparent"]),), timeout=60)
    spans = traced.collector.until(
        lambda spans: sum(one.trace == trace and one.kind == "SERVER" for one in spans) == 3
    )
    assert {one.attributes["recompose.reference"] for one in named(spans, "resolve")} == {
        "product",
        "upload",
    }
    exported, logged = traced.collector.bytes, traced.gateway.log.encode()
    for said in (WORDS.encode(), WORDS.lower().encode(), TITLE.encode(), COLOR.encode()):
        assert said not in exported
        assert said not in logged
    assert picture[:64] not in exported
    assert base64.b64encode(picture)[:64] not in exported
    assert not [one for one in spans if one.message or one.events]
    assert not [call for call in traced.qdrant.calls if "baggage" in call.metadata]


def test_attributes_have_the_names_of_the_conventions(traced: TracedGateway) -> None:
    modules = db_attributes, error_attributes, http_attributes, server_attributes, url_attributes
    conventional = {
        value
        for module in (*modules, rpc)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    }
    trace, _, headers = parent()
    body = {"reference": {"product_id": "p2"}, "modification": "blue hood"}
    traced.rest.post("/v1/products:search", json=body, headers=headers)
    names = {name for one in traced.collector.trace(trace) for name in one.attributes}
    assert len(names) > 10
    assert all(name in conventional or name.startswith("recompose.") for name in names)
    # What the conventions have given up.
    assert not names & {rpc.RPC_SYSTEM, rpc.RPC_SERVICE, rpc.RPC_GRPC_STATUS_CODE}


def test_what_was_sent_is_counted(traced: TracedGateway) -> None:
    trace, _, headers = parent()
    traced.rest.get("/v1/products/p1", headers=headers)
    traced.collector.trace(trace)
    text = traced.rest.get("/metrics").text
    assert 'recompose_spans_total{outcome="exported"}' in text
    assert 'outcome="dropped"' not in text
