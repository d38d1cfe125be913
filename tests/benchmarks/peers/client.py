"""The process that asks Recompose and its peers, in turn, and measures them.

    python -m tests.benchmarks.peers.client ADDRESSES PLAN

Both arguments are JSON (`Addresses`, `Plan`). What it prints last is what it measured, as JSON: by
kind of request, who was asked and callers, the requests a second of each window, the seconds of
each request, and how many failed.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.peers.posting import RequestFailed
from tests.benchmarks.peers.ways import Addresses, Ways

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.8


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        callers: at once.
        windows: of each request to each service at each number of callers, in turn.
        window_s: how long one is.
        grpc: whether Recompose is asked over gRPC, too.
    """

    callers: tuple[int, ...]
    windows: int
    window_s: float
    grpc: bool = False


@dataclass(slots=True)
class Found:
    """What one kind of request to one service came to, at one number of callers."""

    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    says: str = ""

    async def window(
        self, ask: Callable[[], Awaitable[object]], callers: int, seconds: float
    ) -> None:
        """Let ``callers`` ask without pause for about ``seconds``."""
        start = time.perf_counter()
        stop = start + seconds
        ended = 0

        async def caller() -> None:
            nonlocal ended
            began, pause_s = start, _FIRST_PAUSE_S
            while time.perf_counter() < stop:
                try:
                    await ask()
                except RequestFailed as error:
                    # Asked again, each time after a longer pause, as clients that mean well do;
                    # the time of an answer counts from the first asking.
                    self.failed, self.says = self.failed + 1, str(error)
                    await asyncio.sleep(random.uniform(0.5, 1) * pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                else:
                    ended += 1
                    now = time.perf_counter()
                    self.seconds.append(now - began)
                    began, pause_s = now, _FIRST_PAUSE_S

        await asyncio.gather(*(caller() for _ in range(callers)))
        self.rates.append(ended / (time.perf_counter() - start))


async def measure(ways: Ways, plan: Plan) -> list[dict[str, Any]]:
    """Each way a window at a time, all in turn."""
    await ways.check()
    found = []
    for callers in plan.callers:
        here = {way: Found() for way in ways.all}
        for ask in ways.all.values():
            await Found().window(ask, callers, min(0.4, plan.window_s))
        for window in range(plan.windows):
            # The order turns round: what a machine does in a while hits none always.
            for way in [*here][:: -1 if window % 2 else 1]:
                await here[way].window(ways.all[way], callers, plan.window_s)
        found += [
            {
                "kind": kind, "who": who, "callers": callers, "rates": each.rates,
                "seconds": each.seconds, "failed": each.failed, "says": each.says,
            }
            for (kind, who), each in here.items()
        ]  # fmt: skip
    return found


async def _main() -> None:
    addresses, told = (json.loads(argument) for argument in sys.argv[1:])
    plan = Plan(**{**told, "callers": tuple(told["callers"])})
    folders = {"photo": Path(addresses["photo"]), "pictures": Path(addresses["pictures"])}
    ways = Ways(Addresses(**{**addresses, **folders}), with_grpc=plan.grpc)
    try:
        print(json.dumps(await measure(ways, plan)))
    finally:
        await ways.close()


if __name__ == "__main__":
    asyncio.run(_main())
