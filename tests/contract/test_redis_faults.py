"""Redis down, slow, garbled, restarted, or answering the wrong caller."""

import asyncio
import os
import time

import numpy as np
import pytest

from retrieval.breaker import Breaker
from retrieval.cache import CacheOutcome
from retrieval.domain import Ranking
from retrieval.redis_link import RedisAbsent, RedisLink
from retrieval.snapshots import RedisSnapshotStore
from tests.support.fault_proxy import FaultProxy
from tests.support.observed_cache import Observed, cache_over, timed_search
from tests.support.redis import RedisServer

BUDGET_S = 0.02


class Clock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_without_an_address_everything_is_computed() -> None:
    observed = Observed()
    link = RedisLink(None, observe=observed.call)
    await timed_search(cache_over(link, observed))
    store = RedisSnapshotStore(link, secret=b"s")
    assert await store.put(b"key", Ranking(())) is False
    assert await store.get(b"key") is None
    await link.close()
    assert (observed.calls, observed.lookups) == ([], [CacheOutcome.ABSENT])


async def test_down_is_served_at_once_and_found_again(fresh_redis: RedisServer) -> None:
    fresh_redis.kill()
    observed, clock = Observed(), Clock()
    link = RedisLink(
        fresh_redis.url, budget_s=1.0, observe=observed.call, breaker=Breaker(clock=clock)
    )
    cache = cache_over(link, observed)

    assert max([await timed_search(cache) for _ in range(20)]) < 0.5
    assert observed.calls[:5] == ["unavailable"] * 5
    assert set(observed.calls[5:]) == {"open"}

    fresh_redis.start()
    clock.now_s = 2.0
    observed.calls.clear()
    await timed_search(cache)
    await timed_search(cache)
    assert observed.calls == ["ok", "ok", "ok"]
    assert observed.lookups[-2:] == [CacheOutcome.MISS, CacheOutcome.HIT]
    await link.close()


async def test_a_stopped_server_costs_the_budget_a_few_times_only(fresh_redis: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(fresh_redis.url, budget_s=BUDGET_S, observe=observed.call)
    cache = cache_over(link, observed)
    await timed_search(cache)
    fresh_redis.pause()
    observed.calls.clear()
    times = [await timed_search(cache) for _ in range(50)]
    fresh_redis.resume()

    # A lookup and a store each wait for the budget; the rest is this machine's scheduling.
    assert max(times) < 2 * BUDGET_S + 0.5
    assert 1 <= observed.calls.count("timeout") <= 5
    assert observed.calls[-40:] == ["open"] * 40
    await link.close()


async def test_a_restart_is_survived(fresh_redis: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(fresh_redis.url, budget_s=1.0, observe=observed.call)
    cache = cache_over(link, observed)
    await timed_search(cache)
    fresh_redis.kill()
    fresh_redis.start()
    for _ in range(3):
        await timed_search(cache)
    assert observed.lookups[-1] == CacheOutcome.HIT
    await link.close()


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$9999999999\r\nshort", b"$x\r\n", b"\0" * 99]
)
async def test_garbage_is_a_miss(wire: FaultProxy, garbage: bytes) -> None:
    observed = Observed()
    link = RedisLink(f"redis://{wire.address}", budget_s=0.3, observe=observed.call)
    cache = cache_over(link, observed)
    await timed_search(cache)
    wire.garbage(garbage)
    await timed_search(cache)
    assert not {"ok"} & set(observed.calls[2:])

    await wire.heal()
    for _ in range(5):  # on a busy machine a whole Redis may be late, too
        await timed_search(cache)
        if observed.lookups[-1] in {CacheOutcome.HIT, CacheOutcome.MISS}:
            break
    assert observed.lookups[-1] in {CacheOutcome.HIT, CacheOutcome.MISS}
    await link.close()


async def test_a_connection_cut_in_mid_command_is_a_miss(wire: FaultProxy) -> None:
    observed = Observed()
    link = RedisLink(f"redis://{wire.address}", budget_s=1.0, observe=observed.call)
    cache = cache_over(link, observed)
    await timed_search(cache)
    wire.stall()
    search = asyncio.create_task(timed_search(cache))
    await asyncio.sleep(0.05)
    wire.reset()
    await wire.heal()
    await search
    assert "unavailable" in observed.calls
    await timed_search(cache)
    assert observed.lookups[-1] == CacheOutcome.HIT
    await link.close()


@pytest.mark.parametrize("leave", ["cancelled", "out of time"])
async def test_no_caller_reads_the_answer_to_another(
    wire: FaultProxy, fresh_redis: RedisServer, leave: str
) -> None:
    """One question is sent and its asker leaves before the answer; then many others ask."""
    for number in range(20):
        fresh_redis.command("SET", f"key {number}", f"value {number}")
    # The link's own time for a command is its budget: a cancelled caller leaves it waiting.
    link = RedisLink(f"redis://{wire.address}", budget_s=1.0 if leave == "cancelled" else 0.2)
    assert await link.call("GET", "key 0") == b"value 0"

    wire.stall()
    first = asyncio.create_task(link.call("GET", "key 1"))
    await asyncio.sleep(0.01)
    if leave == "cancelled":
        first.cancel()
    ended = (await asyncio.gather(first, return_exceptions=True))[0]
    assert isinstance(ended, asyncio.CancelledError | RedisAbsent)
    await wire.heal()

    for number in range(2, 20):
        assert await link.call("GET", f"key {number}") == f"value {number}".encode()
    await link.close()


async def test_cancelled_callers_at_random_never_mix_answers(fresh_redis: RedisServer) -> None:
    for number in range(50):
        fresh_redis.command("SET", f"key {number}", f"value {number}")
    link = RedisLink(fresh_redis.url, budget_s=1.0)
    before = asyncio.all_tasks()
    chance = np.random.default_rng(3)
    answered = 0
    for _ in range(40):
        numbers = chance.integers(0, 50, 25)
        asked = [asyncio.create_task(link.call("GET", f"key {n}")) for n in numbers]
        await asyncio.sleep(float(chance.uniform(0, 0.004)))
        for task in asked[::2]:
            task.cancel()
        for number, answer in zip(
            numbers, await asyncio.gather(*asked, return_exceptions=True), strict=True
        ):
            if not isinstance(answer, asyncio.CancelledError):
                assert answer == f"value {number}".encode()
                answered += 1
    assert answered > 400
    await link.close()
    assert asyncio.all_tasks() == before


async def test_a_connection_left_in_mid_command_is_dropped(wire: FaultProxy) -> None:
    link = RedisLink(f"redis://{wire.address}", budget_s=0.2)
    while not wire.accepted:
        await asyncio.gather(link.call("ECHO", "a"), return_exceptions=True)
    wire.stall()
    with pytest.raises(RedisAbsent):
        await link.call("ECHO", "a")
    connections = wire.accepted
    await asyncio.sleep(0.3)
    await wire.heal()
    assert await link.call("ECHO", "b") == b"b"
    assert wire.accepted == connections + 1
    await link.close()


async def test_an_answer_that_came_while_the_loop_was_late_counts(fresh_redis: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(fresh_redis.url, budget_s=BUDGET_S, observe=observed.call)
    await link.call("SET", "key", "value")
    for _ in range(20):  # also while further connections are being made
        asked = [asyncio.create_task(link.call("GET", "key")) for _ in range(8)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # they are sent by now
        time.sleep(2 * BUDGET_S)  # noqa: ASYNC251 - the loop is to be late
        assert await asyncio.gather(*asked) == [b"value"] * 8
    assert set(observed.calls) == {"ok"}
    await link.close()


async def test_many_callers_share_few_connections(
    wire: FaultProxy, fresh_redis: RedisServer
) -> None:
    fresh_redis.command("SET", "key", "value")
    link = RedisLink(f"redis://{wire.address}", budget_s=1.0)
    answers = await asyncio.gather(*(link.call("GET", "key") for _ in range(200)))
    assert answers == [b"value"] * 200
    assert wire.accepted <= 4
    await link.close()


async def test_a_refusal_is_that_of_its_own_command(fresh_redis: RedisServer) -> None:
    link = RedisLink(fresh_redis.url, budget_s=1.0)
    await link.call("RPUSH", "list", "a")
    await link.call("SET", "word", "b")
    asked = [link.call("GET", name) for name in ("word", "list", "word", "list")]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [answers[0], answers[2]] == [b"b", b"b"]
    assert [type(answers[1]), type(answers[3])] == [RedisAbsent, RedisAbsent]
    await link.close()


async def test_a_command_that_cannot_be_written_disturbs_no_other(fresh_redis: RedisServer) -> None:
    link = RedisLink(fresh_redis.url, budget_s=1.0)
    with pytest.raises(RedisAbsent):
        await link.call("SET", "key", object())  # type: ignore[arg-type]
    await link.call("SET", "key", "value")
    assert await link.call("GET", "key") == b"value"
    await link.close()


async def test_descriptors_and_tasks_return_to_where_they_began(fresh_redis: RedisServer) -> None:
    before_files, before_tasks = len(os.listdir("/proc/self/fd")), asyncio.all_tasks()
    for _ in range(5):
        link = RedisLink(fresh_redis.url, budget_s=BUDGET_S)
        asked = [asyncio.create_task(link.call("PING")) for _ in range(60)]
        await asyncio.sleep(0.001)
        for task in asked[::3]:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await link.close()
    for _ in range(500):  # Closed transports give their descriptors back a moment later.
        if len(os.listdir("/proc/self/fd")) <= before_files:
            break
        await asyncio.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) <= before_files
    assert asyncio.all_tasks() == before_tasks
