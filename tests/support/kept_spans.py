"""Spans that are kept in memory, for tests that send none."""

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.tracing.spans import Spans


class Kept:
    """``make`` makes spans; those that have ended are here, by name."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.make = Spans(provider)

    def __getitem__(self, name: str) -> ReadableSpan:
        (found,) = (one for one in self._exporter.get_finished_spans() if one.name == name)
        return found

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.spans]
