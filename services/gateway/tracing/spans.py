"""Spans of OpenTelemetry, behind the `Trace` and `TraceRequest` ports.

The span of a request is the current one of its task, and steps are made where there is a current
span, and nowhere else: so what the gateway does by itself, such as trying out its parts and
watching the index, makes no traces. A computation that several requests wait for is in the trace of
the first.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.error_table import describe
from gateway.tracing.requests import Header, RequestSpan
from retrieval.domain import NO_ATTRIBUTES, NO_SPAN, Span, TraceAttributes, TraceValue
from retrieval.errors import CallerError

_W3C = TraceContextTextMapPropagator()


class OpenSpan:
    """A span that is going on. Of an error it keeps a word of our own, never its text."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._failed = False

    def note(self, name: str, value: TraceValue) -> None:
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, error_type: str, *, caller: bool = False) -> None:
        self._failed = True
        self._span.set_attribute("error.type", error_type)
        if not caller:
            self._span.set_status(Status(StatusCode.ERROR))

    def headers(self) -> dict[str, str]:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(self._span, Context()))
        return carrier

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """The block is what the span is of."""
        with trace.use_span(self._span, record_exception=False, set_status_on_exception=False):
            try:
                yield
            except BaseException as error:
                if not self._failed:
                    self._fail_by(error)
                raise
            finally:
                self._span.end()

    def _fail_by(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            self.fail("CANCELLED")
        else:
            self.fail(describe(error).reason, caller=isinstance(error, CallerError))


class Spans:
    """Makes spans by a provider of the SDK."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._tracer = provider.get_tracer("recompose.gateway", schema_url=Schemas.V1_44_0.value)

    @contextmanager
    def step(
        self,
        name: str,
        attributes: TraceAttributes = NO_ATTRIBUTES,
        *,
        calls_out: bool = False,
    ) -> Iterator[Span]:
        """The `Trace` port."""
        if not trace.get_current_span().get_span_context().is_valid:
            yield NO_SPAN
            return
        kind = SpanKind.CLIENT if calls_out else SpanKind.INTERNAL
        span = OpenSpan(self._tracer.start_span(name, kind=kind, attributes=attributes))
        with span.going_on():
            yield span

    @contextmanager
    def request(
        self, name: str, headers: Iterable[Header], attributes: TraceAttributes = NO_ATTRIBUTES
    ) -> Iterator[RequestSpan]:
        """The `TraceRequest` port."""
        span = self._tracer.start_span(
            name, context=_callers(headers), kind=SpanKind.SERVER, attributes=attributes
        )
        opened, ids = OpenSpan(span), span.get_span_context()
        logged = structlog.contextvars.bound_contextvars(
            trace_id=trace.format_trace_id(ids.trace_id), span_id=trace.format_span_id(ids.span_id)
        )
        with logged, opened.going_on():
            yield opened


def _callers(headers: Iterable[Header]) -> Context:
    """The context of the caller's trace; an empty one where it has none, or none that is valid."""
    carrier: dict[str, list[str]] = {}
    for name, value in headers:
        carrier.setdefault(name, []).append(value)
    if len(carrier.get("traceparent", ())) != 1:
        return Context()
    return _W3C.extract(carrier, Context())
