"""A circuit breaker: a dependency that fails is left alone for a while."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.errors import DependencyTimeout, DependencyUnavailable, RecomposeError


class BreakerOpen(DependencyUnavailable):
    """Refused without asking the dependency, which did not answer the calls before."""


class Breaker:
    """Opens after some failures in a row; then lets one trial through every ``cooldown_s``.

    For one event loop; nothing here waits.

    Args:
        failures: in a row, without a single success, that open it.
        cooldown_s: between trials.
        patience_s: a timeout in less time than this says nothing about the dependency, but that
            a caller had little time left.
        clock: in seconds.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        cooldown_s: float = 1.0,
        patience_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._cooldown_s = cooldown_s
        self._patience_s = patience_s
        self._clock = clock
        self._failures = 0
        self._next_trial_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are being refused, trials aside."""
        return self._failures >= self._limit

    def allows(self) -> bool:
        """Whether to make a call now; where it says yes while open, that call is the trial."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._next_trial_s:
            return False
        self._next_trial_s = now + self._cooldown_s
        return True

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures = 0

    def failed(self) -> None:
        """A call was not answered."""
        self._failures += 1
        if self._failures == self._limit:
            self._next_trial_s = self._clock() + self._cooldown_s

    @contextmanager
    def guards(self, dependency: str) -> Iterator[None]:
        """Make the block's call, unless it is open, and learn from how it ends.

        Whoever answers, be it with an error, is there; a cancelled call tells nothing. Raises
        `BreakerOpen` without running the block.
        """
        if not self.allows():
            raise BreakerOpen(dependency=dependency, retry_after_s=self._cooldown_s)
        started_s = self._clock()
        try:
            yield
        except DependencyUnavailable:
            self.failed()
            raise
        except DependencyTimeout:
            if self._clock() - started_s >= self._patience_s:
                self.failed()
            raise
        except RecomposeError:
            self.succeeded()
            raise
        self.succeeded()
