"""The process that asks: the gateway and its two raw calls in turn, one caller and then many.

    python -m tests.benchmarks.gateway_parts.client SETTING PLAN

Both arguments are JSON (`setting.py`, `Plan`). What it prints last is what it measured, as JSON. It
is a process of its own, since asking costs processor time too, which the section's own process
would share with nobody in one case and with the interpreter's lock in the other.
"""

import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.gateway_parts.bare import Bare, Gateway, Question, Questions
from tests.benchmarks.gateway_parts.setting import Setting
from tests.benchmarks.harness.timing import alternating_async, throughput

Ask = Callable[[Question], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: searches of one caller, of each variant.
        callers: at once, at saturation.
        windows: of each variant at saturation, in turn.
        window_s: how long one is.
        curve: numbers of callers whose throughput is measured besides, one window each.
    """

    rounds: int
    callers: int
    windows: int
    window_s: float
    curve: tuple[int, ...] = ()


async def measure(setting: Setting, plan: Plan) -> dict[str, Any]:
    """Seconds of each search of one caller, and searches a second of many, by variant."""
    questions = Questions(setting, secrets.token_hex(4))
    bundle = questions.bundle
    bare, gateway = Bare(setting, bundle), Gateway(setting)
    try:
        await bare.learn(setting, bundle)
        for product in setting.products:
            await gateway.ask(questions.about(product))  # so that its embeddings are cached
        await _check_alike(bare, gateway, next(questions))
        alone = await _alone(bare, gateway, questions, plan.rounds)
        variants: dict[str, Ask] = {"bare": bare.ask, "gateway": gateway.ask}
        many: dict[str, list[float]] = {name: [] for name in variants}
        for window in range(-1, plan.windows):
            for name, ask in _turned(variants, window):
                rate = await _rate(ask, questions, plan.callers, plan.window_s)
                if window >= 0:
                    many[name].append(rate)
        curve: dict[str, list[float]] = {name: [] for name in variants}
        for callers in plan.curve:
            for name, ask in variants.items():
                curve[name].append(await _rate(ask, questions, callers, plan.window_s))
    finally:
        await bare.close()
        await gateway.close()
    return {"alone": alone, "many": many, "curve": curve}


async def _check_alike(bare: Bare, gateway: Gateway, question: Question) -> None:
    """Both must answer with the same products, or they were not asked the same."""
    query = await bare.fuse(question)
    ranked, page = await bare.ranked(question, query), await gateway.page(question)
    if not page or ranked[: len(page)] != page:
        raise RuntimeError("the gateway and the raw calls found different products")


async def _alone(
    bare: Bare, gateway: Gateway, questions: Questions, rounds: int
) -> dict[str, list[float]]:
    warm_up = 10
    known = next(questions)
    await gateway.ask(known)
    fused = await bare.fuse(known)
    asks: dict[str, Ask] = {
        "bare": bare.ask,
        "gateway": gateway.ask,
        "rest": gateway.ask_rest,
        "fusion": bare.fuse,
    }
    timings = await alternating_async(
        {
            **{name: _fresh(ask, questions, rounds + warm_up) for name, ask in asks.items()},
            "index": lambda: bare.rank(known, fused),
            "cached": lambda: gateway.ask(known),
        },
        rounds,
        warm_up,
    )
    return {name: [*each.seconds] for name, each in timings.items()}


def _fresh(ask: Ask, questions: Questions, count: int) -> Callable[[], Awaitable[int]]:
    """Asks a question that was never asked before, made beforehand."""
    ready = iter([next(questions) for _ in range(count)])
    return lambda: ask(next(ready))


async def _rate(ask: Ask, questions: Questions, callers: int, seconds: float) -> float:
    call = _fresh(ask, questions, int(_MOST_A_SECOND * seconds) + callers)
    return await throughput(call, callers, seconds)


_MOST_A_SECOND = 1000.0


def _turned(variants: dict[str, Ask], window: int) -> list[tuple[str, Ask]]:
    items = [*variants.items()]
    return items if window % 2 else items[::-1]


def main() -> None:
    """Measure as the command line says."""
    setting = Setting.from_json(sys.argv[1])
    told = json.loads(sys.argv[2])
    plan = Plan(**{**told, "curve": tuple(told.get("curve", ()))})
    print(json.dumps(asyncio.run(measure(setting, plan))))


if __name__ == "__main__":
    main()
