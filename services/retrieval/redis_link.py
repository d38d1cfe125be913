"""Redis, whose absence is normal.

Few connections carry the commands of all callers (`redis_pipe`). A caller waits no longer than its
budget and then does without; its command ends by itself, in good order. A connection that owes an
answer for much longer than that is dropped.
"""

import asyncio
import time
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from retrieval.breaker import Breaker
from retrieval.domain import Observe, Trace, ignore_observation, ignore_trace
from retrieval.redis_pipe import CONNECT_TIMEOUT_S, FAILURES, Argument, RedisPipe

_DEPENDENCY: Final = "redis"
_CONNECTIONS: Final = 4
"""Enough that a large embedding on its way does not hold up all else."""
_OWED_S: Final = 1.0
_LATE_TURNS: Final = 3


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
        self._pipes: list[RedisPipe] = []
        self._source = None if url is None else _source(url)

    async def call(self, *command: Argument) -> Any:
        """The answer to one command, as bytes, int, list or None. Raises `RedisAbsent`."""
        if self._source is None:
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
                answer = await self._answer(self._source, command)
                outcome = "ok"
                self._breaker.succeeded()
            except ResponseError:
                outcome = "refused"
                self._breaker.succeeded()
                raise RedisAbsent from None
            except FAILURES as error:
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
        end_s = time.monotonic() + CONNECT_TIMEOUT_S
        while any(pipe.is_open and pipe.waiting for pipe in self._pipes):
            if time.monotonic() > end_s:
                break
            await asyncio.sleep(0.001)
        for pipe in self._pipes:
            pipe.end()
        await asyncio.gather(*(pipe.wait_ended() for pipe in self._pipes))

    async def _answer(self, source: ConnectionPool, command: tuple[Argument, ...]) -> Any:
        pipe = self._pipe(source)
        answer = pipe.ask(command)
        try:
            await asyncio.wait({answer}, timeout=self._budget_s)
            turns = 0
            while not answer.done() and turns < _LATE_TURNS:
                # It may be this event loop that is late: what has come by now is read in its
                # next turns.
                await asyncio.sleep(0)
                turns += 1
            if answer.done():
                return answer.result()
        except asyncio.CancelledError:
            answer.cancel()
            raise
        asyncio.get_running_loop().call_later(_OWED_S, _drop_if_owing, pipe, answer)
        raise TimeoutError

    def _pipe(self, source: ConnectionPool) -> RedisPipe:
        """The connection with the shortest line, of those that are up if any is. Where that has a
        line, one more is made, for those who come later."""
        self._pipes = [pipe for pipe in self._pipes if pipe.is_open]
        up = [pipe for pipe in self._pipes if pipe.is_up]
        best = min(up or self._pipes, key=lambda pipe: pipe.waiting, default=None)
        if best is None or (best.waiting and len(self._pipes) < _CONNECTIONS):
            more = RedisPipe(source.make_connection())  # type: ignore[no-untyped-call]
            self._pipes.append(more)
            return best or more
        return best


def _drop_if_owing(pipe: RedisPipe, answer: "asyncio.Future[Any]") -> None:
    if not answer.done():
        pipe.end()


def _source(url: str) -> ConnectionPool:
    """What makes connections; as a pool it is not used."""
    return ConnectionPool.from_url(
        url,
        protocol=2,
        decode_responses=False,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        driver_info=None,
        socket_timeout=None,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
    )
