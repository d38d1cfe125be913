"""How often calls that failed may be tried again."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from retrieval.breaker import BreakerOpen
from retrieval.domain import Deadline
from retrieval.errors import DependencyUnavailable

_Answer = TypeVar("_Answer")


class RetryBudget:
    """Retries stay a small part of all calls, so that a failing server is not asked twice as much.

    A failure takes a token, a success gives back a tenth of one, and only with more than half
    of the tokens left is a retry allowed. Source: gRPC proposal A6, retry throttling.
    """

    def __init__(self, *, tokens: float = 10.0, ratio: float = 0.1) -> None:
        self._most = self._tokens = tokens
        self._ratio = ratio

    @property
    def allows(self) -> bool:
        return self._tokens > self._most / 2

    def succeeded(self) -> None:
        self._tokens = min(self._most, self._tokens + self._ratio)

    def failed(self) -> None:
        self._tokens = max(0.0, self._tokens - 1)

    async def twice(self, attempt: Callable[[], Awaitable[_Answer]], deadline: Deadline) -> _Answer:
        """Await a call that changes nothing, and once more where nobody was reachable.

        The second one is made only with half of the time left and retries not too frequent.
        Raises what ``attempt`` raises.
        """
        started = time.monotonic()
        try:
            answer = await attempt()
        except BreakerOpen:
            raise  # nobody was asked
        except DependencyUnavailable:
            self.failed()
            if not self.allows or deadline.remaining_s() < time.monotonic() - started:
                raise
            answer = await attempt()
        self.succeeded()
        return answer
