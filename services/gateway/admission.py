"""How many requests are worked on at once; the rest are refused before any work."""

from collections.abc import Iterator
from contextlib import contextmanager

from retrieval.errors import Overloaded, Reason, ServiceUnavailable


class Admission:
    """A bounded count of requests in progress.

    A refusal costs next to nothing: nothing was parsed, decoded or queued for it.
    """

    def __init__(self, limit: int) -> None:
        """Admit at most ``limit`` requests at once."""
        self._limit = limit
        self._in_flight = 0
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Requests being worked on now."""
        return self._in_flight

    def close(self) -> None:
        """Admit nothing more; what is in flight goes on."""
        self._closed = True

    @contextmanager
    def permit(self) -> Iterator[None]:
        """Hold a place while the block runs. Raises Overloaded, or ServiceUnavailable once the
        gateway is shutting down."""
        if self._closed:
            raise ServiceUnavailable(Reason.SHUTTING_DOWN, retry_after_s=1.0)
        if self._in_flight >= self._limit:
            raise Overloaded()
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
