"""Redis, whose absence is normal. The only file that imports redis.

A connection answers commands in their order. If a command is cancelled between its sending and
its answer, and the connection is used again, the next caller reads the answer to another's
question. So a command here runs in a task of its own, which no caller's cancellation reaches,
and a connection whose command did not end in an answer is dropped, never reused.
"""

import asyncio
import time
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from retrieval.breaker import Breaker
from retrieval.domain import Observe, Trace, ignore_observation, ignore_trace

_DEPENDENCY: Final = "redis"
_CONNECT_TIMEOUT_S: Final = 1.0
_CONNECTIONS: Final = 16
# What a broken connection, a server that is none, or a garbled answer raises.
_FAILURES: Final = (RedisError, OSError, TimeoutError, ValueError, EOFError)

Argument = bytes | str | int


class RedisAbsent(Exception):
    """Redis did not answer, or not in time, or refused; do without it."""


class RedisLink:
    """Sends commands to one Redis, each within a budget.

    Args:
        url: `redis://`, `rediss://` or `unix://`; None for no Redis at all.
        budget_s: Time in seconds that a caller waits for one command.
        observe: Told of every command that was due: `ok`, `refused` (Redis answered with an
            error), `timeout`, `unavailable`, `open` (the breaker kept it back), `cancelled`.
        trace: Told of every command that was sent. Redis has no place for a trace's headers.
        breaker: Keeps callers from paying the budget again and again.
    """

    def __init__(
        self,
        url: str | None,
        *,
        budget_s: float = 0.02,
        observe: Observe = ignore_observation,
        trace: Trace = ignore_trace,
        breaker: Breaker | None = None,
    ) -> None:
        self._budget_s = budget_s
        self._observe = observe
        self._trace = trace
        self._breaker = breaker or Breaker()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pool = None if url is None else _pool(url)

    async def call(self, *command: Argument) -> Any:
        """The answer to one command, as bytes, int, list or None. Raises `RedisAbsent`."""
        if self._pool is None:
            raise RedisAbsent
        if not self._breaker.allows():
            self._observe(_DEPENDENCY, "open", 0.0)
            raise RedisAbsent
        name = str(command[0])
        attributes = {"db.system.name": _DEPENDENCY, "db.operation.name": name}
        with self._trace(name, attributes, calls_out=True) as span:
            begin_s = time.monotonic()
            outcome = "cancelled"
            try:
                answer = await self._answer(self._pool, command)
                outcome = "ok"
                self._breaker.succeeded()
            except ResponseError:
                outcome = "refused"
                self._breaker.succeeded()
                raise RedisAbsent from None
            except _FAILURES as error:
                outcome = "timeout" if isinstance(error, TimeoutError) else "unavailable"
                self._breaker.failed()
                raise RedisAbsent from None
            finally:
                self._observe(_DEPENDENCY, outcome, time.monotonic() - begin_s)
                if outcome != "ok":
                    span.fail(outcome)
        return answer

    async def close(self) -> None:
        """Let the commands in flight end, and drop all connections."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CONNECT_TIMEOUT_S)
        if self._pool is not None:
            await self._pool.disconnect()

    async def _answer(self, pool: BlockingConnectionPool, command: tuple[Argument, ...]) -> Any:
        task = asyncio.ensure_future(self._perform(pool, command))
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        # A caller out of time, or cancelled, leaves; the task ends by itself, in good order.
        done, _ = await asyncio.wait({task}, timeout=self._budget_s)
        if not done:
            raise TimeoutError
        return task.result()

    async def _perform(self, pool: BlockingConnectionPool, command: tuple[Argument, ...]) -> Any:
        # Connecting may take longer than one command: the callers after this one profit.
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        in_order = False
        try:
            async with asyncio.timeout(self._budget_s):
                await connection.send_command(*command)
                try:
                    answer = await connection.read_response()
                except ResponseError:
                    in_order = True
                    raise
            in_order = True
        finally:
            if not in_order:
                await connection.disconnect(nowait=True)
            await pool.release(connection)
        return answer

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Nobody may be left to take it.


def _pool(url: str) -> BlockingConnectionPool:
    return BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=None,
        protocol=2,
        decode_responses=False,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        driver_info=None,
        socket_timeout=None,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
    )
