"""How many requests are worked on at once; the rest are refused before any work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.errors import Overloaded, Reason, ServiceUnavailable


class Admission:
    """A bounded count of requests in progress.

    A refusal costs next to nothing: nothing was parsed, decoded or queued for it.
    """

    def __init__(self, limit: int, pressed: Callable[[], bool] = lambda: False) -> None:
        """Admit at most ``limit`` requests at once, and one while the process is ``pressed``:
        nothing would change for the better where none is worked on."""
        self._limit = limit
        self._pressed = pressed
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
        if self._in_flight >= self._limit or (self._in_flight and self._pressed()):
            raise Overloaded()
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
