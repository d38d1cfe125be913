"""Requests leave at a rate, not while the server asked to wait, and not after a stop."""

import asyncio
import time
from email.utils import formatdate

import pytest

from catalog.caption.pace import LONGEST_WAIT_S, Pace, interval_s, retry_after_s
from catalog.caption.port import STOPPED, CaptionerUnavailable


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_waits_of_some_minutes_are_kept() -> None:
    async def run() -> None:
        time = Time()
        pace = Pace(asyncio.Event(), clock=time.clock, sleep=time.sleep)
        pace.close_for(300)
        pace.close_for(10)
        await pace.turn()
        assert time.now == 1300
        await pace.turn()
        assert time.now == 1300

    asyncio.run(run())


def test_longer_waits_are_not() -> None:
    async def run() -> None:
        time = Time()
        pace = Pace(asyncio.Event(), clock=time.clock, sleep=time.sleep)
        pace.close_for(LONGEST_WAIT_S + 1)
        with pytest.raises(CaptionerUnavailable) as refused:
            await pace.turn()
        assert refused.value.reason == "ASKED_TO_WAIT"
        assert time.now == 1000

    asyncio.run(run())


@pytest.mark.parametrize("interval", [0.0, 3600.0])
def test_a_stop_ends_every_wait(interval: float) -> None:
    async def run() -> None:
        stopping = asyncio.Event()
        pace = Pace(stopping, interval_s=interval)
        await pace.turn()
        pace.close_for(600)
        waiting = [asyncio.create_task(wait) for wait in (pace.turn(), pace.back_off(9))]
        await asyncio.sleep(0.01)
        stopping.set()
        for ended in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(ended, CaptionerUnavailable)
            assert ended.reason == STOPPED

    asyncio.run(asyncio.wait_for(run(), 30))


def test_requests_leave_evenly() -> None:
    async def run() -> float:
        pace = Pace(asyncio.Event(), interval_s=0.05)
        before = time.monotonic()
        await asyncio.gather(*(pace.turn() for _ in range(6)))
        return time.monotonic() - before

    assert asyncio.run(asyncio.wait_for(run(), 30)) >= 5 * 0.05


def test_the_slower_of_two_rates_decides() -> None:
    assert interval_s(None, None, 6000) == 0
    assert interval_s(120, None, 6000) == 0.5
    assert interval_s(120, 60_000, 6000) == 6
    assert interval_s(6, 60_000, 6000) == 10


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "20", "retry-after-ms": "20100"}, 20.1),
        ({"retry-after-ms": "much"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_what_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_a_date_is_a_wait_too() -> None:
    wait = retry_after_s({"retry-after": formatdate(time.time() + 100, usegmt=True)})
    assert wait is not None
    assert 50 < wait <= 100
