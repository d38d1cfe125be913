"""A breaker refuses while a dependency is not answering, and finds out when it does again."""

import asyncio
from dataclasses import dataclass

import pytest

from retrieval.breaker import Breaker, BreakerOpen
from retrieval.domain import Deadline
from retrieval.errors import (
    DependencyBroken,
    DependencyError,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
    Reason,
    RecomposeError,
    ServiceUnavailable,
)
from retrieval.retry_budget import RetryBudget


@dataclass
class Clock:
    """Time that goes on when told to."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_breaker_opens_tries_and_closes() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, cooldown_s=1.0, clock=clock)
    assert breaker.allows()
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert breaker.is_open
    assert not breaker.allows()

    clock.now_s = 1.0
    assert breaker.allows()
    assert not breaker.allows()  # One trial at a time.
    breaker.failed()
    assert not breaker.allows()

    clock.now_s = 2.0
    assert breaker.allows()
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.allows()


def ended_with(
    breaker: Breaker, error: RecomposeError | None, clock: Clock, takes_s: float
) -> None:
    """Make one call that ends so."""
    try:
        with breaker.guards("part"):
            clock.now_s += takes_s
            if error is not None:
                raise error
    except BreakerOpen:
        raise
    except RecomposeError:
        pass


def test_an_open_one_runs_nothing_and_says_when_to_come_back() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, cooldown_s=3.0, clock=clock)
    for _ in range(2):
        ended_with(breaker, DependencyUnavailable(dependency="part"), clock, 0.1)
    with pytest.raises(BreakerOpen) as refused, breaker.guards("part"):
        pytest.fail("it was run")
    assert (refused.value.dependency, refused.value.retry_after_s) == ("part", 3.0)
    assert refused.value.reason is Reason.DEPENDENCY_UNAVAILABLE


@pytest.mark.parametrize("kind", [DependencyBroken, DependencyExhausted])
def test_who_answers_with_an_error_is_there(kind: type[DependencyError]) -> None:
    clock = Clock()
    breaker = Breaker(failures=2, clock=clock)
    for _ in range(5):
        ended_with(breaker, DependencyUnavailable(dependency="part"), clock, 0.1)
        ended_with(breaker, kind(dependency="part"), clock, 0.1)
    assert not breaker.is_open


def test_another_model_is_an_answer() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, clock=clock)
    ended_with(breaker, ServiceUnavailable(Reason.MODEL_MISMATCH), clock, 0.1)
    assert not breaker.is_open


def test_callers_in_a_hurry_open_nothing() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, patience_s=0.15, clock=clock)
    for _ in range(5):
        ended_with(breaker, DependencyTimeout(dependency="part"), clock, 0.1)
    assert not breaker.is_open
    for _ in range(2):
        ended_with(breaker, DependencyTimeout(dependency="part"), clock, 0.2)
    assert breaker.is_open


def test_a_trial_that_is_cancelled_leaves_it_open_for_the_next() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, cooldown_s=1.0, clock=clock)
    ended_with(breaker, DependencyUnavailable(dependency="part"), clock, 0.0)
    clock.now_s = 1.0
    with pytest.raises(asyncio.CancelledError), breaker.guards("part"):
        raise asyncio.CancelledError
    assert breaker.is_open
    clock.now_s = 2.0
    ended_with(breaker, None, clock, 0.0)
    assert not breaker.is_open


async def test_what_was_not_asked_is_not_asked_again() -> None:
    budget, asked = RetryBudget(), []

    async def attempt() -> None:
        asked.append(1)
        raise BreakerOpen(dependency="part")

    for _ in range(20):
        with pytest.raises(BreakerOpen):
            await budget.twice(attempt, Deadline.after(10))
    assert len(asked) == 20
    assert budget.allows
