"""What the edges tell of a request: the one port of `gateway.tracing` that they know."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from retrieval.domain import NO_ATTRIBUTES, NO_SPAN, Span, TraceAttributes

W3C_HEADERS: Final = frozenset({"traceparent", "tracestate"})
"""The headers of a caller's trace (https://www.w3.org/TR/trace-context/). Baggage is left out: it
may hold anything, and would be passed on."""

Header = tuple[str, str]


class RequestSpan(Span, Protocol):
    """A request, while it is worked on."""

    def rename(self, name: str) -> None:
        """Give it its name, where that was not known at first."""


class TraceRequest(Protocol):
    """Called once for each request, with the block that answers it."""

    def __call__(
        self, name: str, headers: Iterable[Header], attributes: TraceAttributes = NO_ATTRIBUTES
    ) -> AbstractContextManager[RequestSpan]:
        """A request, in the trace of the caller where ``headers`` name one, else in a new one.

        Log lines that are written in the block have its ``trace_id`` and ``span_id``.

        Args:
            name: one of few: an operation, never an address.
            headers: those of `W3C_HEADERS` that came, each as often as it came, in small letters.
            attributes: what is known beforehand.
        """


def ignore_request(
    name: str, headers: Iterable[Header], attributes: TraceAttributes = NO_ATTRIBUTES
) -> AbstractContextManager[RequestSpan]:
    """The trace of edges that keep none."""
    return NO_SPAN
