"""Find what a service can bear of a mix of searches, then offer shares of it, up and down again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from statistics import median

from tests.benchmarks.harness.timing import throughput
from tests.benchmarks.load.drive import drive
from tests.benchmarks.load.edges import Edge
from tests.benchmarks.load.plan import STILL_GROWS, NothingAnswered
from tests.benchmarks.load.questions import Question
from tests.benchmarks.load.samples import Sample, goodput_windows, percentiles
from tests.benchmarks.load.schedule import arrivals

_STEP = 1.35
_MOST_STEPS = 12
_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is offered.

    Attributes:
        callers: who ask without pause for ``guess_s``, which tells where steps begin.
        step_s: seconds of each step that looks for C, whole.
        levels: shares of C, and for how many seconds a round, whole, each is offered.
        rounds: the second goes from high to low, the third from low to high again.
        deadline_s: an answer after it is none.
    """

    callers: int
    guess_s: float
    step_s: int
    levels: tuple[tuple[float, int], ...]
    rounds: int
    deadline_s: float = 8.0


@dataclass(frozen=True)
class Part:
    """A while of even load; times of samples are from its start."""

    rate: float
    seconds: int
    deadline_s: float
    samples: Sequence[Sample]

    def goodput_per_s(self, kind: str = "") -> float:
        """Answers inside their deadline that came in that while, of one kind or of all."""
        of_kind = [each for each in self.samples if kind in {"", each.kind}]
        return sum(goodput_windows(of_kind, self.seconds, self.deadline_s)) / self.seconds


@dataclass(frozen=True)
class Level:
    """A share of C, in all rounds."""

    times: float
    parts: list[Part] = field(default_factory=list)

    def goodput_per_s(self, kind: str = "") -> float:
        """Over all rounds."""
        seconds = sum(part.seconds for part in self.parts)
        return sum(part.goodput_per_s(kind) * part.seconds for part in self.parts) / seconds

    def samples(self, kind: str = "", outcome: str = "") -> list[Sample]:
        """Of one kind or of all, and what became so or anything."""
        return [
            sample
            for part in self.parts
            for sample in part.samples
            if kind in {"", sample.kind} and outcome in {"", sample.outcome}
        ]

    def answered_ms(self, kind: str = "") -> dict[str, float]:
        """Percentiles of answers, from when they were due."""
        return answered_ms([self], kind)


@dataclass(frozen=True)
class Found:
    """``peaks``: the step with most goodput, at once again, and once more after all levels."""

    peaks: tuple[Part, ...]
    levels: list[Level]

    @property
    def capacity_per_s(self) -> float:
        """C: the median of them, since the most of several is too much by what each is off."""
        return median(part.goodput_per_s() for part in self.peaks)

    def level(self, times: float) -> Level:
        """That share of C. Raises StopIteration: it was not offered."""
        return next(level for level in self.levels if level.times == times)


def answered_ms(levels: Iterable[Level], kind: str = "") -> dict[str, float]:
    """Percentiles of answers in all these levels, in milliseconds; empty without answers."""
    answers = [each for level in levels for each in level.samples(kind, "answered")]
    return percentiles([each.latency_s for each in answers])


Offer = Callable[[float, int], Awaitable[Part]]
"""Searches a second, for so many seconds."""


def offering(
    edges: Sequence[Edge], next_question: Callable[[], Question], deadline_s: float, seed: int = 0
) -> Offer:
    """What offers load to the edges in turn, on schedules of independent shoppers."""
    seeds = count(seed)

    async def offer(rate: float, seconds: int) -> Part:
        due = arrivals("poisson", rate, seconds, next(seeds))
        samples = await drive(due, edges, next_question, deadline_s=deadline_s)
        return Part(rate, seconds, deadline_s, samples)

    return offer


async def guessed_per_s(
    edges: Sequence[Edge], next_question: Callable[[], Question], plan: Plan
) -> float:
    """Answers a second that callers get who ask without pause. It warms the service up, too.

    Raises:
        NothingAnswered: a caller did not get an answer in many attempts.
    """
    turns = count()

    async def answered() -> None:
        for _ in range(_ATTEMPTS):
            edge = edges[next(turns) % len(edges)]
            outcome, _ = await edge.ask(next_question(), plan.deadline_s)
            if outcome == "answered":
                return
            await asyncio.sleep(0.05)
        raise NothingAnswered

    return await throughput(answered, plan.callers, plan.guess_s)


async def carry_out(
    offer: Offer, guess_per_s: float, plan: Plan, say: Callable[[str], None]
) -> Found:
    """Steps from the guess on until goodput grows no more, then all levels, round by round.

    Raises:
        NothingAnswered: no step got an answer inside its deadline.
    """
    best = await _peak(offer, guess_per_s, plan, say)
    again = await offer(best.rate, plan.step_s)
    about_per_s = (best.goodput_per_s() + again.goodput_per_s()) / 2
    levels = {times: Level(times) for times, _ in plan.levels}
    for number in range(plan.rounds):
        for times, seconds in plan.levels[:: -1 if number % 2 else 1]:
            part = await offer(times * about_per_s, seconds)
            levels[times].parts.append(part)
            say(f"{times:g} C, {part.rate:.0f}/s: {part.goodput_per_s():.1f}/s answered in time")
    after = await offer(best.rate, plan.step_s)
    return Found((best, again, after), list(levels.values()))


async def _peak(offer: Offer, rate: float, plan: Plan, say: Callable[[str], None]) -> Part:
    """The step with most goodput."""
    best: Part | None = None
    for _ in range(_MOST_STEPS):
        part = await offer(rate, plan.step_s)
        good = part.goodput_per_s()
        say(f"{rate:.0f}/s offered: {good:.1f}/s answered in time")
        most = best.goodput_per_s() if best else 0.0
        if best is None or good > most:
            best = part
        if most and good <= STILL_GROWS * most:
            break
        rate *= _STEP
    if best is None or not best.goodput_per_s():
        raise NothingAnswered
    return best
