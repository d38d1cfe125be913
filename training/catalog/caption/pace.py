"""When the next request may be sent: a rate, and the waits that a server asks for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from random import random
from typing import Final

from aiolimiter import AsyncLimiter

from catalog.caption.port import STOPPED, CaptionerUnavailable

LONGEST_WAIT_S: Final = 900.0
"""A server that asks for a longer wait is not waited for: its pairs stay open for a later run."""
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 30.0


class Pace:
    """Lets requests through evenly, none while the server asked to wait, none after a stop.

    The SDK's own retries are off: they give up where Retry-After is above two minutes, pass by this
    rate, hold only the one request that was refused, and cannot be interrupted.
    """

    def __init__(
        self,
        stopping: asyncio.Event,
        *,
        interval_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """A request each `interval_s` at most."""
        self._stopping = stopping
        self._limiter = AsyncLimiter(1, interval_s) if interval_s > 0 else None
        self._clock = clock
        self._sleep = sleep
        self._closed_until = 0.0

    def require_going_on(self) -> None:
        """Raises `CaptionerUnavailable` when the run is to stop."""
        if self._stopping.is_set():
            raise CaptionerUnavailable(STOPPED, "the run was stopped")

    async def turn(self) -> None:
        """Wait for one's turn.

        Raises `CaptionerUnavailable` when the run is to stop, or the wait would be above
        `LONGEST_WAIT_S`.
        """
        await self._unless_stopped(self._turn())

    async def back_off(self, attempt: int) -> None:
        """Wait after a failure that said nothing about waiting: .5 s, doubled each time."""
        wait = min(_FIRST_BACKOFF_S * 2**attempt, _LONGEST_BACKOFF_S)
        await self._unless_stopped(self._sleep(wait * (1 - random() / 4)))

    def close_for(self, seconds: float) -> None:
        """Let nobody through for so long."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    async def _turn(self) -> None:
        while True:
            while (wait := self._closed_until - self._clock()) > 0:
                if wait > LONGEST_WAIT_S:
                    raise CaptionerUnavailable(
                        "ASKED_TO_WAIT", f"the server asks to wait for {wait / 60:.0f} minutes"
                    )
                await self._sleep(wait)
            if self._limiter is None:
                return
            await self._limiter.acquire()
            if self._closed_until <= self._clock():
                return

    async def _unless_stopped(self, waiting: Awaitable[None]) -> None:
        turn = asyncio.ensure_future(waiting)
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({turn, stop}, return_when=asyncio.FIRST_COMPLETED)
            self.require_going_on()
            await turn
        finally:
            turn.cancel()
            stop.cancel()


def interval_s(
    requests_per_minute: float | None, tokens_per_minute: float | None, tokens_of_one: int
) -> float:
    """Seconds between requests that keep both rates."""
    by_requests = 60 / requests_per_minute if requests_per_minute else 0.0
    by_tokens = 60 * tokens_of_one / tokens_per_minute if tokens_per_minute else 0.0
    return max(by_requests, by_tokens)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait (RFC 9110, 10.2.3: seconds or a date), if it does."""
    value = headers.get("retry-after", "").strip()
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        if value.replace(".", "", 1).isdecimal():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
