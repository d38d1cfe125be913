"""Wiring, the part about traces: from their settings to the ports that the others call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.tracing.requests import TraceRequest, ignore_request
from gateway.tracing.settings import TracingSettings
from retrieval.domain import Trace, ignore_trace


@dataclass(frozen=True, slots=True)
class Tracing:
    """What edges and adapters are given, and how it ends."""

    request: TraceRequest
    step: Trace
    close: Callable[[], Awaitable[None]]


def tracing_of(settings: TracingSettings | None, count: Callable[[str, int], None]) -> Tracing:
    """Traces to a collector, none without settings. ``count`` is told what became of spans.

    Raises SettingsError.
    """
    if settings is None:
        return Tracing(ignore_request, ignore_trace, _nothing_to_close)
    # Late: who keeps no traces does without OpenTelemetry's SDK.
    from gateway.tracing.export import Export
    from gateway.tracing.spans import Spans

    export = Export(settings, count)
    spans = Spans(export.provider)
    return Tracing(spans.request, spans.step, export.close)


async def _nothing_to_close() -> None:
    return None
