"""Find the peak of goodput by steps, then offer less, more, and what it can bear again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.benchmarks.load.drive import drive
from tests.benchmarks.load.edges import Edge
from tests.benchmarks.load.questions import Question
from tests.benchmarks.load.samples import (
    Sample,
    Summary,
    goodput_windows,
    recovered_after_s,
    summarise,
)
from tests.benchmarks.load.schedule import Arrivals, arrivals
from tests.benchmarks.load.watch import GatewayWatch, Held, lag_bound_ms

STILL_GROWS = 1.05
"""A step that brings less more goodput than this is past the peak."""


class NothingAnswered(Exception):
    """No step got an answer, so that there is no peak to compare with."""


@dataclass(frozen=True)
class Options:
    """How load is offered."""

    seconds: float
    """Of each phase."""
    deadline_s: float
    arrivals: Arrivals = "poisson"
    cancelled: float = 0.0
    rates: Sequence[float] = ()
    """Of the steps; without any they double until goodput no longer grows."""
    first_rate: float = 4.0
    most_rate: float = 2048.0
    large_per_s: float = 2.0
    """The largest uploads beside ordinary searches, in the phase that has them."""
    seed: int = 0


@dataclass(frozen=True)
class Phase:
    """What was offered for a while, and what came of it."""

    name: str
    rate: float
    seconds: float
    summary: Summary
    goodput: list[float]
    """By second."""
    lag_p99_ms: float | None
    held: list[Held]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "rate": self.rate,
            "seconds": self.seconds,
            **self.summary.as_dict(),
            "goodput_by_second": self.goodput,
            "lag_p99_ms": self.lag_p99_ms,
            "held": [held.as_dict() for held in self.held],
        }


LARGE: Final = "0.3 C and large uploads"


@dataclass(frozen=True, slots=True)
class Stage:
    """What is to be offered for a while."""

    name: str
    rate: float
    """Ordinary searches a second."""
    large_per_s: float = 0.0


Offer = Callable[[Sequence[Stage]], Awaitable[list[Phase]]]


@dataclass(frozen=True)
class Found:
    """All phases, and what they say together."""

    phases: list[Phase]
    peak_per_s: float
    """C: the goodput of the step that brought most, as the mean of that step and of the same once
    more: the most of several measurements alone is too much, by what each is off."""
    peak_rate: float
    """What was offered then."""
    peak_is_passed: bool
    """A step offered clearly more than it brought; else C may be higher than was found."""
    recovered_s: dict[str, float | None]
    """Phase of recovery -> time until goodput was .95 C again; None where it was not."""

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)


def offering(
    edges: Sequence[Edge],
    next_question: Callable[[], Question],
    next_large: Callable[[], Question],
    watch: GatewayWatch,
    how: Options,
) -> Offer:
    """What offers stages one at once after the other, and watches the gateway meanwhile."""
    stages_so_far = 0

    async def offer(stages: Sequence[Stage]) -> list[Phase]:
        nonlocal stages_so_far
        due: list[tuple[float, Callable[[], Question]]] = []
        for number, stage in enumerate(stages):
            stages_so_far += 1
            start_s, seed = number * how.seconds, how.seed + stages_so_far
            times = arrivals(how.arrivals, stage.rate, how.seconds, seed)
            due += [(start_s + time, next_question) for time in times]
            if stage.large_per_s:
                times = arrivals("constant", stage.large_per_s, how.seconds, seed)
                due += [(start_s + time, next_large) for time in times]
        due.sort(key=lambda one: one[0])
        drawn = iter(due)
        held: list[Held] = []
        watching = asyncio.create_task(watch.follow(held))
        try:
            samples = await drive(
                [time for time, _ in due],
                edges,
                lambda: next(drawn)[1](),
                deadline_s=how.deadline_s,
                cancelled=how.cancelled,
                seed=how.seed + stages_so_far,
            )
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        return [_phase(number, stage, samples, held, how) for number, stage in enumerate(stages)]

    return offer


def _phase(
    number: int, stage: Stage, samples: Sequence[Sample], held: Sequence[Held], how: Options
) -> Phase:
    """One stage's part of what was measured, with times from its own start."""
    start_s, end_s = number * how.seconds, (number + 1) * how.seconds
    own = [
        replace(s, due_s=s.due_s - start_s, ended_s=s.ended_s - start_s)
        for s in samples
        if start_s <= s.due_s < end_s
    ]
    # Of all requests, as answers to the stage before are goodput of the second they came in, too.
    answers = [replace(s, due_s=s.due_s - start_s, ended_s=s.ended_s - start_s) for s in samples]
    looks = [replace(look, at_s=look.at_s - start_s) for look in held]
    looks = [look for look in looks if 0 <= look.at_s < how.seconds]
    return Phase(
        name=stage.name,
        rate=stage.rate,
        seconds=how.seconds,
        summary=summarise(own, how.seconds, how.deadline_s),
        goodput=goodput_windows(answers, how.seconds, how.deadline_s),
        lag_p99_ms=lag_bound_ms(looks, 0.99),
        held=looks,
    )


async def carry_out(offer: Offer, how: Options, say: Callable[[Phase], None]) -> Found:
    """Steps, then .7 C, .3 C with large uploads, and 2 C and 4 C, each of these two with a
    recovery at once after it.

    ``say`` is told of each phase when it is over. A recovery offers what the peak was offered.
    """
    phases: list[Phase] = []

    async def run(*stages: Stage) -> list[Phase]:
        over = await offer(stages)
        phases.extend(over)
        for phase in over:
            say(phase)
        return over

    best = await _peak(run, how)
    passed = any(step.summary.goodput_per_s < 0.9 * step.rate for step in phases)
    if not best.summary.goodput_per_s:
        raise NothingAnswered
    (again,) = await run(Stage(f"{best.rate:g}/s again", best.rate))
    peak = (best.summary.goodput_per_s + again.summary.goodput_per_s) / 2
    # Cancelled requests bring no goodput, so that more have to be offered for the same.
    usual = peak / (1 - how.cancelled)
    await run(Stage("0.7 C", 0.7 * usual))
    if how.large_per_s:
        await run(Stage(LARGE, 0.3 * usual, how.large_per_s))
    recovered: dict[str, float | None] = {}
    for times in (2, 4):
        _, after = await run(
            Stage(f"{times} C", times * usual), Stage(f"after {times} C", best.rate)
        )
        recovered[after.name] = recovered_after_s(after.goodput, 0.95 * peak)
    return Found(phases, peak, best.rate, passed, recovered)


async def _peak(run: Callable[..., Awaitable[list[Phase]]], how: Options) -> Phase:
    """The step with the most goodput."""
    steps: list[Phase] = []

    def best() -> Phase:
        return max(steps, key=lambda step: step.summary.goodput_per_s)

    for rate in how.rates or _doubling(how):
        before = best().summary.goodput_per_s if steps else 0.0
        steps += await run(Stage(f"{rate:g}/s", rate))
        if not how.rates and steps[-1].summary.goodput_per_s <= STILL_GROWS * before:
            # Once more between the peak and the step that was too much.
            between = best().rate * 1.5
            steps += await run(Stage(f"{between:g}/s", between))
            break
    return best()


def _doubling(how: Options) -> list[float]:
    rates, rate = [], how.first_rate
    while rate <= how.most_rate:
        rates.append(rate)
        rate *= 2
    return rates
