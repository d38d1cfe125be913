"""One connection to Redis that many callers share: questions go out as they come, and answers come
back in their order. Only this file and `redis_link` import redis.

Redis answers the commands of a connection one after the other, however many have been sent. So
nobody waits for a connection, commands of one moment travel together, and a caller that leaves
before its answer takes nothing away: the answer is read in its turn and dropped. Whatever breaks
this order (a garbled answer, an end of the connection) ends the connection, and all who wait on it
are told.
"""

import asyncio
from collections import deque
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

CONNECT_TIMEOUT_S: Final = 1.0
FAILURES: Final = (RedisError, OSError, TimeoutError, ValueError, EOFError)
"""What a broken connection, a server that is none, or a garbled answer raises."""

Argument = bytes | str | int


class RedisPipe:
    """Connects by itself, sends, and reads answers until the connection ends."""

    def __init__(self, connection: AbstractConnection) -> None:
        """``connection``: not connected yet, and nobody else's. Needs a running event loop."""
        self._connection = connection
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._more = asyncio.Event()
        self._up = False
        self._ended: Exception | None = None
        self._running = asyncio.create_task(self._run())

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._ended is None

    @property
    def is_up(self) -> bool:
        """Whether it is connected."""
        return self._up and self._ended is None

    @property
    def waiting(self) -> int:
        """How many answers are to come."""
        return len(self._asked)

    def ask(self, command: tuple[Argument, ...]) -> "asyncio.Future[Any]":
        """Send a command; the answer, a ResponseError or one of `FAILURES`.

        Cancelling the future gives up the answer, nothing else.
        """
        packed = self._connection.pack_command(*command)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_taken)
        if self._ended is not None:
            answer.set_exception(self._ended)
            return answer
        self._asked.append(answer)
        self._unsent += packed
        self._more.set()
        return answer

    def end(self) -> None:
        """Drop the connection; who waits on it is told."""
        self._running.cancel()

    async def wait_ended(self) -> None:
        """Until it has ended, and its connection is closed."""
        await asyncio.wait({self._running})

    async def _run(self) -> None:
        sending: asyncio.Task[None] | None = None
        ended: Exception = ConnectionError("the connection was dropped")
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._connection.connect()  # type: ignore[no-untyped-call]
            self._up = True
            sending = asyncio.create_task(self._send())
            while True:
                await self._read_one()
        except FAILURES as error:
            ended = error
        finally:
            self._ended = ended
            if sending is not None:
                sending.cancel()
                await asyncio.wait({sending})
            await self._connection.disconnect(nowait=True)
            for answer in self._asked:
                if not answer.done():
                    answer.set_exception(ended)
            self._asked.clear()

    async def _send(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            unsent, self._unsent = self._unsent, []
            try:
                await self._connection.send_packed_command(unsent, check_health=False)
            except FAILURES:
                self._running.cancel()
                return

    async def _read_one(self) -> None:
        """Read the next answer, and give it to whom it belongs. Raises `FAILURES`."""
        answer: Any = None
        refused: ResponseError | None = None
        try:
            answer = await self._connection.read_response()
        except ResponseError as error:
            refused = error
        if not self._asked:
            raise ConnectionError("an answer to no question")
        future = self._asked.popleft()
        if future.done():
            return
        if refused is None:
            future.set_result(answer)
        else:
            future.set_exception(refused)


def _taken(answer: "asyncio.Future[Any]") -> None:
    """Nobody may be left to take an error."""
    if not answer.cancelled():
        answer.exception()
