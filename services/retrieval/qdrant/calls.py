"""Each call of Qdrant: bounded in time, counted, traced, its failure translated, a read tried
twice, none made while a breaker is open."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final, TypeVar

from qdrant_client import AsyncQdrantClient
from qdrant_client.context_headers import headers as sending

from retrieval.breaker import Breaker, BreakerOpen
from retrieval.domain import Deadline, Observe, Trace, ignore_trace
from retrieval.errors import DependencyTimeout, DependencyUnavailable, RecomposeError
from retrieval.qdrant.client import Connection
from retrieval.qdrant.failures import CLIENT_FAILURES, DEPENDENCY, failure_of
from retrieval.retry_budget import RetryBudget

UNUSABLE: Final = "unusable_hit"
"""The outcome under which each dropped hit is counted."""

_Answer = TypeVar("_Answer")
Call = Callable[[int], Awaitable[_Answer]]
"""One try: takes the time left in whole seconds, all that qdrant-client's timeout can say."""


class Calls:
    """Makes calls, and tells ``observe``, ``trace`` and the connection of each try.

    A call comes with the name of the client's method that it calls, and with the collection that
    it asks, if it is one: in a trace that is all that tells one call from another.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        observe: Observe,
        trace: Trace = ignore_trace,
        breaker: Breaker | None = None,
    ) -> None:
        """Without ``breaker`` every call is made: right for those that nobody waits for."""
        # An engine inside of the process has no connection that could go bad.
        self._renewal = client.renewal if isinstance(client, Connection) else None
        self._observe = observe
        self._trace = trace
        self._guards: Callable[[], AbstractContextManager[None]] = (
            nullcontext if breaker is None else partial(breaker.guards, DEPENDENCY)
        )
        self._retries = RetryBudget()

    async def read(
        self,
        operation: str,
        call: Call[_Answer],
        deadline: Deadline,
        budget_s: float,
        *,
        collection: str = "",
    ) -> _Answer:
        """Await a call that changes nothing.

        Where the server is not reachable it is tried once more, if half of the time is left
        and retries have not become too frequent. Raises what `failures` says.
        """
        capped = deadline.capped(budget_s)
        return await self._retries.twice(
            lambda: self._try(operation, collection, call, capped), capped
        )

    async def write(
        self,
        operation: str,
        call: Call[_Answer],
        deadline: Deadline,
        budget_s: float,
        *,
        collection: str = "",
    ) -> _Answer:
        """Await a call that changes something, once."""
        return await self._try(operation, collection, call, deadline.capped(budget_s))

    def dropped(self, hits: int) -> None:
        """Count hits that could not be used."""
        for _ in range(hits):
            self._observe(DEPENDENCY, UNUSABLE, 0.0)

    async def _try(
        self, operation: str, collection: str, call: Call[_Answer], deadline: Deadline
    ) -> _Answer:
        attributes = {"db.system.name": DEPENDENCY, "db.operation.name": operation}
        if collection:
            attributes["db.collection.name"] = collection
        started, outcome = time.monotonic(), "cancelled"
        try:
            with (
                self._guards(),
                self._trace(
                    f"{operation} {collection}".rstrip(), attributes, calls_out=True
                ) as span,
                sending(span.headers()),
            ):
                answer = await _translated(call, deadline)
            outcome = "ok"
            if self._renewal is not None:
                self._renewal.answered()
            return answer
        except BreakerOpen:
            outcome = "open"
            raise
        except RecomposeError as error:
            outcome = error.kind.value
            if self._renewal is not None and isinstance(error, DependencyTimeout):
                self._renewal.unanswered(started)
            raise
        finally:
            self._observe(DEPENDENCY, outcome, time.monotonic() - started)


async def _translated(call: Call[_Answer], deadline: Deadline) -> _Answer:
    remaining_s = deadline.remaining_s()
    if remaining_s <= 0:
        raise DependencyTimeout(dependency=DEPENDENCY)
    try:
        async with asyncio.timeout(remaining_s):
            try:
                return await call(max(1, math.ceil(remaining_s)))
            except asyncio.CancelledError as error:
                # grpc.aio turns a CANCELLED that the server sent into asyncio's own, which
                # would silently end a task that nobody cancelled.
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                raise DependencyUnavailable(dependency=DEPENDENCY) from error
    except CLIENT_FAILURES as error:
        raise failure_of(error) from error
