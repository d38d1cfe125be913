"""A collector of traces of a test's own: OTLP over gRPC on a free loopback port."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Received:
    """A span as it came."""

    name: str
    kind: str
    trace: str
    span: str
    parent: str
    state: str
    failed: bool
    message: str
    events: int
    attributes: dict[str, Any]
    resource: dict[str, Any]

    @property
    def error_type(self) -> str:
        return str(self.attributes.get("error.type", ""))


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps every byte and every span. ``refusal`` makes it answer with that status instead."""

    def __init__(self) -> None:
        self.port = 0
        self.refusal: grpc.StatusCode | None = None
        self.refused = 0
        self.headers: dict[str, Any] = {}
        self.spans: list[Received] = []
        self.bytes = b""
        self._changed = threading.Condition()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        if self.refusal is not None:
            self.refused += 1
            context.abort(self.refusal, "the collector's own words")
        with self._changed:
            self.headers = dict(context.invocation_metadata())
            self.bytes += request.SerializeToString()
            self.spans += _spans(request)
            self._changed.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()

    def until(self, holds: Callable[[Sequence[Received]], Any]) -> list[Received]:
        """The spans, once they are what is waited for."""
        end = time.monotonic() + _PATIENCE_S
        with self._changed:
            while not holds(self.spans):
                left_s = end - time.monotonic()
                assert left_s > 0, [(one.name, one.attributes) for one in self.spans]
                self._changed.wait(left_s)
            return list(self.spans)

    def trace(self, trace: str) -> list[Received]:
        """The spans of a trace, once its request has ended: children come before their parents."""
        spans = self.until(
            lambda spans: any(one.trace == trace and one.kind == "SERVER" for one in spans)
        )
        return [one for one in spans if one.trace == trace]


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """A collector for the length of the block."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(4))
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(collector, server)
    collector.port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def _spans(request: Any) -> list[Received]:
    return [
        Received(
            name=span.name,
            kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            trace=span.trace_id.hex(),
            span=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            state=span.trace_state,
            failed=span.status.code == Status.STATUS_CODE_ERROR,
            message=span.status.message,
            events=len(span.events),
            attributes=_values(span.attributes),
            resource=_values(resource.resource.attributes),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
