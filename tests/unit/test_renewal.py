"""When a connection is replaced, and what becomes of the old one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from retrieval.renewal import Close, Renewal


class Connections:
    """Stands for the connections of a client: how many were made, and which are closed."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.server_answers = True
        self.tried = 0
        self.closed = 0
        self.hold = asyncio.Event()
        self.hold.set()
        self.renewal = Renewal(
            self._replace, silence_s=1.0, retired_s=0.0, clock=lambda: self.now_s
        )

    async def _replace(self) -> Close | None:
        self.tried += 1
        await self.hold.wait()
        return self._close if self.server_answers else None

    async def _close(self) -> None:
        self.closed += 1

    async def time_out(self, after_s: float) -> None:
        """One call that gets no answer, and a moment for what it sets off."""
        began_s = self.now_s
        self.now_s += after_s
        self.renewal.unanswered(began_s)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    connections = Connections()
    yield connections
    await connections.renewal.close()


async def test_a_second_without_an_answer_is_what_it_takes(connections: Connections) -> None:
    for _ in range(3):
        await connections.time_out(0.3)
    assert connections.tried == 0
    await connections.time_out(0.3)
    assert connections.tried == 1
    async with asyncio.timeout(10):
        while not connections.closed:  # noqa: ASYNC110 - the old one, once its time is over
            await asyncio.sleep(0)


async def test_one_long_call_is_a_silence_too(connections: Connections) -> None:
    await connections.time_out(1.0)
    assert connections.tried == 1


async def test_callers_in_a_hurry_say_nothing(connections: Connections) -> None:
    for _ in range(1000):
        await connections.time_out(0.05)
    assert connections.tried == 0


async def test_an_answer_in_between_ends_the_silence(connections: Connections) -> None:
    for _ in range(10):
        await connections.time_out(0.6)
        connections.renewal.answered()
    assert connections.tried == 0


async def test_a_server_that_hangs_is_tried_every_second_and_keeps_its_connection(
    connections: Connections,
) -> None:
    connections.server_answers = False
    for _ in range(30):
        await connections.time_out(0.5)
    assert connections.tried == 15
    assert connections.closed == 0


async def test_where_a_new_connection_helps_nothing_trials_become_rare(
    connections: Connections,
) -> None:
    for _ in range(600):
        await connections.time_out(0.5)
    # After 1, 2, 4, 8 and 16 s, and then every 30 s.
    assert connections.tried == 5 + (300 - 31) // 30
    connections.renewal.answered()
    await connections.time_out(1.0)
    assert connections.tried == 5 + (300 - 31) // 30 + 1


async def test_one_trial_at_a_time(connections: Connections) -> None:
    connections.server_answers = False
    connections.hold.clear()
    for _ in range(20):
        await connections.time_out(1.0)
    assert connections.tried == 1
    connections.hold.set()
    for _ in range(2):
        await connections.time_out(1.0)
    assert connections.tried == 2


async def test_at_the_end_nothing_is_left(connections: Connections) -> None:
    waiting = Connections()
    waiting.hold.clear()
    await waiting.time_out(1.0)
    await waiting.renewal.close()
    await waiting.time_out(5.0)
    assert waiting.tried == 1

    lasting = Renewal(connections._replace, silence_s=0.0, retired_s=3600.0)
    lasting.unanswered(0.0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert connections.closed == 0
    await lasting.close()
    assert connections.closed == 1


async def test_a_bug_in_the_replacing_is_told() -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def broken() -> Close | None:
        raise KeyError("bug")

    renewal = Renewal(broken, silence_s=0.0)
    renewal.unanswered(0.0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert [type(context["exception"]) for context in told] == [KeyError]
