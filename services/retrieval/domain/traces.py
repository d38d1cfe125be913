"""Traces: which steps a request took, told to whoever keeps them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType, TracebackType
from typing import Final, Protocol

TraceValue = str | int | float | bool

TraceAttributes = Mapping[str, TraceValue]
"""What a trace holds about a step, by OpenTelemetry's names where it has one: names and numbers of
our own, never words, pictures or filters that somebody sent, and never what an upstream said."""

NO_ATTRIBUTES: Final[TraceAttributes] = MappingProxyType({})


class Span(Protocol):
    """One step of a request, while it is being taken."""

    def note(self, name: str, value: TraceValue) -> None:
        """Add an attribute."""

    def fail(self, error_type: str, *, caller: bool = False) -> None:
        """Say that the step failed and by what, in a word of our own; ``caller``: the caller's
        doing, which is no fault of the service."""

    def headers(self) -> dict[str, str]:
        """What to send along so that a server that is called joins the trace (W3C Trace Context);
        empty without a trace."""


class Trace(Protocol):
    """Called once for each step, with the block that takes it."""

    def __call__(
        self,
        name: str,
        attributes: TraceAttributes = NO_ATTRIBUTES,
        *,
        calls_out: bool = False,
    ) -> AbstractContextManager[Span]:
        """A step of the request that runs now; outside of a request there is none to tell of.

        An error that leaves the block is the step's failure, unless `Span.fail` named one.

        Args:
            name: one of few; what differs from call to call is no part of it.
            attributes: what is known beforehand.
            calls_out: the step is a call to another service.
        """


class NoSpan:
    """A step that nobody keeps."""

    def note(self, name: str, value: TraceValue) -> None:
        pass

    def fail(self, error_type: str, *, caller: bool = False) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    def headers(self) -> dict[str, str]:
        return {}

    def __enter__(self) -> "NoSpan":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


NO_SPAN: Final = NoSpan()


def ignore_trace(
    name: str, attributes: TraceAttributes = NO_ATTRIBUTES, *, calls_out: bool = False
) -> AbstractContextManager[Span]:
    """The trace of callers that keep none."""
    return NO_SPAN
