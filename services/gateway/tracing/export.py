"""Spans to a collector, over OTLP and gRPC, in batches and beside the requests.

A collector that is away, slow or full costs no request anything: spans wait in a queue that has a
bound, a thread sends them, and what cannot be sent is dropped, counted, and told once a minute.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import grpc
import structlog
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)

from gateway.settings import SettingsError
from gateway.tracing.settings import TracingSettings

FLUSH_S: Final = 2.0
"""Time that the last spans get at the end of the process."""
_CUT_OFF_S: Final = 1.0
_TELL_EVERY_S: Final = 60.0

CountSpans = Callable[[str, int], None]
"""Told how many spans were ``exported``, ``failed`` (the collector did not take them) or
``dropped`` (the queue was full). Called from several threads."""


class Export:
    """A provider whose spans go to a collector.

    Raises SettingsError where the SDK does not take what a variable says.
    """

    def __init__(self, settings: TracingSettings, count: CountSpans) -> None:
        # These logs would quote what a caller sent as tracestate, and what a collector answered.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        _forget_empty_variables()
        queue = _Queue(settings.bsp_max_queue_size, count)
        try:
            self._exporter = _CountedExporter(_otlp(settings), queue)
            self.provider = TracerProvider(
                sampler=_sampler(settings),
                resource=Resource.create(settings.own_attributes),
                span_limits=SpanLimits(),
                shutdown_on_exit=False,
            )
        except ValueError as error:
            raise SettingsError(f"{error}.") from None
        self.provider.add_span_processor(_Batches(self._exporter, queue, settings))

    async def close(self) -> None:
        """Send what waits, within `FLUSH_S`; what cannot be sent by then is dropped."""
        sending = threading.Thread(target=self.provider.shutdown, daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, FLUSH_S)
        if sending.is_alive():
            self._exporter.shutdown()  # ends a call that hangs
            await asyncio.to_thread(sending.join, _CUT_OFF_S)


class _Queue:
    """How many spans wait to be sent, or are being sent; and what became of those before."""

    def __init__(self, size: int, count: CountSpans) -> None:
        self._free = size
        self._lock = threading.Lock()
        self._count = count
        self._lost = 0
        self._tell_at_s = 0.0

    def enter(self) -> bool:
        """Whether there is a place for one more."""
        with self._lock:
            free = self._free > 0
            self._free -= free
        if not free:
            self._told("dropped", 1)
        return free

    def leave(self, outcome: str, spans: int) -> None:
        with self._lock:
            self._free += spans
        self._told(outcome, spans)

    def _told(self, outcome: str, spans: int) -> None:
        self._count(outcome, spans)
        if outcome == "exported":
            return
        with self._lock:
            self._lost += spans
            lost, now_s = self._lost, time.monotonic()
            if now_s < self._tell_at_s:
                return
            self._lost, self._tell_at_s = 0, now_s + _TELL_EVERY_S
        structlog.get_logger().warning("spans_lost", spans=lost, outcome=outcome)


class _Batches(BatchSpanProcessor):
    """The SDK's processor behind a queue that counts what it turns away."""

    def __init__(self, exporter: SpanExporter, queue: _Queue, settings: TracingSettings) -> None:
        super().__init__(
            exporter,
            max_queue_size=settings.bsp_max_queue_size,
            schedule_delay_millis=settings.bsp_schedule_delay,
            max_export_batch_size=settings.bsp_max_export_batch_size,
        )
        self._places = queue

    def on_end(self, span: ReadableSpan) -> None:
        if span.context and span.context.trace_flags.sampled and self._places.enter():
            super().on_end(span)


class _CountedExporter(SpanExporter):
    """Tells the queue what became of each batch."""

    def __init__(self, exporter: SpanExporter, queue: _Queue) -> None:
        self._exporter = exporter
        self._queue = queue
        self._ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            sent = result is SpanExportResult.SUCCESS
            self._queue.leave("exported" if sent else "failed", len(spans))
        return result

    def shutdown(self) -> None:
        if not self._ended:
            self._ended = True
            self._exporter.shutdown()


def _forget_empty_variables() -> None:
    """They are as if they were not set, which the SDK does not know of all of them."""
    for name in [name for name, value in os.environ.items() if not value.strip()]:
        if name.startswith("OTEL_"):
            del os.environ[name]


def _otlp(settings: TracingSettings) -> SpanExporter:
    squeezed = settings.compression == "gzip"
    return OTLPSpanExporter(
        endpoint=settings.endpoint,
        insecure=settings.endpoint.startswith("http://"),
        timeout=settings.timeout / 1000,
        compression=grpc.Compression.Gzip if squeezed else grpc.Compression.NoCompression,
    )


def _sampler(settings: TracingSettings) -> Sampler:
    roots: dict[str, Sampler] = {
        "always_on": ALWAYS_ON,
        "always_off": ALWAYS_OFF,
        "traceidratio": TraceIdRatioBased(settings.traces_sampler_arg),
    }
    name = settings.traces_sampler
    root = roots[name.removeprefix("parentbased_")]
    return ParentBased(root) if name.startswith("parentbased_") else root
