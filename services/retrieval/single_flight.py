"""One computation for many waiting callers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


@dataclass(slots=True)
class _Flight(Generic[_Result]):
    task: asyncio.Task[_Result]
    waiting: int = 0


class SingleFlight(Generic[_Result]):
    """Runs one task a key, however many ask for it at the same time.

    The task belongs to no caller: one that is cancelled leaves the others waiting, and only when
    the last one has left is the task cancelled too. Its result, or its error, goes to all.
    """

    def __init__(self) -> None:
        self._flights: dict[bytes, _Flight[_Result]] = {}

    async def run(self, key: bytes, compute: Callable[[], Awaitable[_Result]]) -> _Result:
        """The result of the running flight of `key`, else of `compute`."""
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.ensure_future(_awaited(compute)))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda _: self._forget(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)  # A caller that comes now begins anew.
                flight.task.cancel()

    def _forget(self, key: bytes, flight: _Flight[_Result]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _awaited(compute: Callable[[], Awaitable[_Result]]) -> _Result:
    return await compute()
