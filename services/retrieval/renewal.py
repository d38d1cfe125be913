"""Another connection in the place of one that is answered no more.

Where bytes of an answer are lost or added on the way, HTTP/2 may take all that follows for the rest
of one frame. Such a connection neither answers nor ends, and gRPC's keepalive, which asks only
where nothing comes in, sees bytes. So it is not left to gRPC: a second connection is tried, and
takes the place of the first only where the server answers on it. A server that hangs is left alone
with the connection that it has.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

Close: TypeAlias = Callable[[], Awaitable[None]]
"""Closes the connection that was replaced."""

_TELLING_S: Final = 0.1
_SILENCE_S: Final = 1.0
_MOST_SILENCE_S: Final = 30.0
_RETIRED_S: Final = 60.0


class Renewal:
    """Told how calls over one connection end, it has the connection replaced in time.

    Make it inside the event loop that uses it.

    Args:
        replace: connects anew; where the server answers, takes the new connection into use and
            returns what closes the old one, else returns None. Never called twice at a time.
        silence_s: time in which calls ran out of theirs and none was answered, before a trial.
        retired_s: time that calls in flight on the old connection have for their end.
        clock: in seconds.
    """

    def __init__(
        self,
        replace: Callable[[], Awaitable[Close | None]],
        *,
        silence_s: float = _SILENCE_S,
        retired_s: float = _RETIRED_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._replace = replace
        self._least_s = self._silence_s = silence_s
        self._retired_s = retired_s
        self._clock = clock
        self._silent_since_s: float | None = None
        self._trial: asyncio.Task[None] | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._closed = False

    def answered(self) -> None:
        """A call got its answer."""
        self._silent_since_s = None
        self._silence_s = self._least_s

    def unanswered(self, began_s: float) -> None:
        """A call that began then, by the clock, ran out of time; never waits.

        One that had next to no time says nothing: no connection could have answered it.
        """
        if self._clock() - began_s < _TELLING_S:
            return
        if self._silent_since_s is None:
            self._silent_since_s = began_s
        if self._closed or self._trial is not None:
            return
        if self._clock() - self._silent_since_s >= self._silence_s:
            self._trial = asyncio.create_task(self._try())
            self._trial.add_done_callback(self._tried)

    async def close(self) -> None:
        """End a trial, and close what was replaced."""
        self._closed = True
        if self._trial is not None:
            self._trial.cancel()
            await asyncio.wait({self._trial})
        await asyncio.sleep(0)  # a task that has not begun would be cancelled without closing
        for task in self._retired:
            task.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)

    async def _try(self) -> None:
        close = await self._replace()
        if close is None:
            return
        # Where the new one is not answered either, the fault is elsewhere: try less often.
        self._silence_s = min(2 * self._silence_s, _MOST_SILENCE_S)
        retired = asyncio.create_task(self._retire(close))
        self._retired.add(retired)
        retired.add_done_callback(self._retired.discard)

    def _tried(self, trial: asyncio.Task[None]) -> None:
        self._trial = None
        self._silent_since_s = None
        if not trial.cancelled() and (bug := trial.exception()) is not None:
            trial.get_loop().call_exception_handler(
                {"message": "a connection could not be replaced", "exception": bug}
            )

    async def _retire(self, close: Close) -> None:
        try:
            await asyncio.sleep(self._retired_s)
        finally:
            await close()
