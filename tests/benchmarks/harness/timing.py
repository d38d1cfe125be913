"""Times of things that are compared: taken in turn, so that what a machine does hits all alike."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that one thing took, round by round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """In seconds."""
        return self.percentile(50)

    def percentile(self, level: float) -> float:
        """In seconds; ``level`` from 0 to 100."""
        return float(np.percentile(self.seconds, level))

    def __str__(self) -> str:
        """Median and quartiles, in milliseconds or, from one on, in seconds."""
        scale, unit = (1e3, "ms") if self.median < 1 else (1.0, "s")
        low, middle, high = (scale * self.percentile(level) for level in (25, 50, 75))
        return f"{middle:.3g} {unit} ({low:.3g} to {high:.3g})"


@dataclass(frozen=True, slots=True)
class Ratio:
    """How one thing compares with another; quartiles are those of the rounds' own ratios."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def ratio(one: Timings, other: Timings) -> Ratio:
    """Median of ``one`` over median of ``other``; both from the same alternating run."""
    rounds = np.asarray(one.seconds) / np.asarray(other.seconds)
    low, high = np.percentile(rounds, (25, 75))
    return Ratio(one.median / other.median, float(low), float(high))


def alternating(
    variants: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 3
) -> dict[str, Timings]:
    """Run each variant once a round, the order turning from round to round.

    Args:
        variants: by name.
        rounds: measured ones.
        warm_up: rounds before them, whose times are dropped.
    """
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with _without_collector():
        for number in range(-warm_up, rounds):
            for name in _turned(names, number):
                start = time.perf_counter()
                variants[name]()
                if number >= 0:
                    seconds[name].append(time.perf_counter() - start)
    return {name: Timings(tuple(taken)) for name, taken in seconds.items()}


async def alternating_async(
    variants: Mapping[str, Callable[[], Awaitable[object]]], rounds: int, warm_up: int = 3
) -> dict[str, Timings]:
    """As ``alternating``, for what is awaited: one thing at a time, one caller."""
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with _without_collector():
        for number in range(-warm_up, rounds):
            for name in _turned(names, number):
                start = time.perf_counter()
                await variants[name]()
                if number >= 0:
                    seconds[name].append(time.perf_counter() - start)
    return {name: Timings(tuple(taken)) for name, taken in seconds.items()}


async def throughput(call: Callable[[], Awaitable[object]], callers: int, seconds: float) -> float:
    """Calls a second that ``callers`` at once bring to an end, for about ``seconds``."""
    ended = 0
    start = time.perf_counter()
    stop = start + seconds

    async def caller() -> None:
        nonlocal ended
        while time.perf_counter() < stop:
            await call()
            ended += 1

    await asyncio.gather(*(caller() for _ in range(callers)))
    return ended / (time.perf_counter() - start)


def _turned(names: list[str], number: int) -> list[str]:
    at = number % len(names)
    return names[at:] + names[:at]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python's collector would stop whoever happens to be next; it runs before instead."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
