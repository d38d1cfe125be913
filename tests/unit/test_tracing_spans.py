"""Spans behind the two ports, kept in memory: what becomes one, whose child it is, what it says."""

import ast
import asyncio
import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode

from retrieval.domain import NO_SPAN, ignore_trace
from retrieval.errors import DependencyTimeout, NotFound, Reason
from retrieval.single_flight import SingleFlight
from tests.support.kept_spans import Kept

ROOT = Path(__file__).resolve().parents[2]
SAID = "words that somebody said"


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_step_outside_of_a_request_is_none(kept: Kept) -> None:
    with kept.make.step("alone", calls_out=True) as span:
        assert span is NO_SPAN
        assert span.headers() == {}
    assert kept.names == []


async def test_steps_lie_within_each_other_also_over_tasks(kept: Kept) -> None:
    async def work() -> None:
        with kept.make.step("inner", calls_out=True):
            pass

    with kept.make.request("request", ()), kept.make.step("outer"):
        await asyncio.create_task(work())
    inner, outer, request = kept["inner"], kept["outer"], kept["request"]
    assert (request.kind, outer.kind, inner.kind) == (
        SpanKind.SERVER,
        SpanKind.INTERNAL,
        SpanKind.CLIENT,
    )
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    with kept.make.step("after") as span:
        assert span is NO_SPAN


async def test_a_computation_that_two_wait_for_is_in_the_trace_of_the_first(kept: Kept) -> None:
    flights: SingleFlight[int] = SingleFlight()
    go_on = asyncio.Event()

    async def compute() -> int:
        with kept.make.step("compute", calls_out=True):
            await go_on.wait()
        return 1

    async def ask(name: str) -> None:
        with kept.make.request(name, ()):
            await flights.run(b"key", compute)

    asking = [asyncio.create_task(ask(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*asking)
    computed, first = kept["compute"], kept["first"]
    assert computed.parent is not None
    assert first.context is not None
    assert computed.parent.span_id == first.context.span_id
    assert kept.names.count("compute") == 1


@pytest.mark.parametrize(
    ("error", "error_type", "status"),
    [
        (DependencyTimeout(dependency="qdrant"), "DEPENDENCY_TIMEOUT", StatusCode.ERROR),
        (NotFound(Reason.PRODUCT_NOT_FOUND), "PRODUCT_NOT_FOUND", StatusCode.UNSET),
        (KeyError(SAID), "INTERNAL", StatusCode.ERROR),
        (asyncio.CancelledError(SAID), "CANCELLED", StatusCode.ERROR),
    ],
)
def test_an_error_leaves_a_word_of_ours_and_nothing_of_its_text(
    kept: Kept, error: BaseException, error_type: str, status: StatusCode
) -> None:
    with pytest.raises(type(error)), kept.make.request("request", ()), kept.make.step("step"):
        raise error
    for span in (kept["request"], kept["step"]):
        assert dict(span.attributes or {}) == {"error.type": error_type}
        assert (span.status.status_code, span.status.description) == (status, None)
        assert span.events == ()
        assert SAID not in span.to_json()


def test_what_a_step_says_of_its_failure_stays(kept: Kept) -> None:
    with contextlib.suppress(KeyError), kept.make.request("request", ()) as span:
        span.fail("GONE", caller=True)
        raise KeyError
    assert dict(kept["request"].attributes or {}) == {"error.type": "GONE"}
    assert kept["request"].status.status_code is StatusCode.UNSET


def test_lines_of_the_log_name_the_trace_of_their_request_and_no_other(kept: Kept) -> None:
    with kept.make.request("request", ()) as span:
        bound = structlog.contextvars.get_contextvars()
        _, trace, number, _ = span.headers()["traceparent"].split("-")
    assert bound == {"trace_id": trace, "span_id": number}
    assert structlog.contextvars.get_contextvars() == {}


def test_two_traceparents_are_none(kept: Kept) -> None:
    header = ("traceparent", f"00-{'1' * 32}-{'2' * 16}-01")
    with kept.make.request("one", [header]):
        pass
    with kept.make.request("two", [header, header]):
        pass
    assert kept["one"].parent is not None
    assert kept["two"].parent is None


@cache
def shared() -> Kept:
    return Kept()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["traceparent", "tracestate"]),
            st.one_of(
                st.text(st.characters(max_codepoint=255)),
                st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.?"),
                st.from_regex(r"[a-z0-9@*/_-]{1,20}=[ -~]{0,20}(,[a-z]=[ -~]{1,9}){0,40}"),
            ),
        ),
        max_size=4,
    )
)
def test_whatever_comes_as_a_trace_breaks_nothing_and_passes_on_what_is_one(
    headers: list[tuple[str, str]],
) -> None:
    with shared().make.request("request", headers) as span:
        passed = span.headers()
    assert passed.keys() <= {"traceparent", "tracestate"}
    assert all(value.isascii() and value.isprintable() for value in passed.values())


def calls_of_qdrant() -> Iterator[tuple[str, Any]]:
    """Each call in `retrieval.qdrant`: the name that a trace is told, and what is called."""
    for path in (ROOT / "services" / "retrieval" / "qdrant").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and len(node.args) > 1:
                name, call = node.args[:2]
                if isinstance(name, ast.Constant) and isinstance(call, ast.Lambda):
                    called = call.body
                    assert isinstance(called, ast.Call)
                    yield str(name.value), _method_of(called.func)


def _method_of(called: ast.expr) -> str:
    """The client's method: what is called, or what our own function does by messages."""
    if isinstance(called, ast.Name):
        return {"ranked": "query_points", "retrieved": "retrieve"}[called.id]
    assert isinstance(called, ast.Attribute)
    return called.attr


def test_a_call_of_qdrant_has_the_name_of_the_method_that_is_called() -> None:
    calls = list(calls_of_qdrant())
    assert len(calls) > 20
    assert all(name == called for name, called in calls)


def test_without_traces_nothing_is_made() -> None:
    with ignore_trace("step", {"a": 1}, calls_out=True) as span:
        span.note("b", 2)
        span.fail("WHY")
        assert span.headers() == {}
