"""Redis down, slow, garbled, full, restarted, or answering the wrong caller."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from retrieval.breaker import Breaker
from retrieval.cache import CacheOutcome, RedisEmbeddingCache
from retrieval.domain import FloatArray, Ranked
from retrieval.redis_link import RedisAbsent, RedisLink
from retrieval.snapshots import RedisSnapshotStore
from tests.support.fault_proxy import FaultProxy
from tests.support.redis import RedisServer

QUERY = np.arange(256, dtype=np.float32)
BUDGET_S = 0.02


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def wire(server: RedisServer) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(server.port).relaying() as wire:
        yield wire


class Observed:
    """Remembers what became of each call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lookups: list[CacheOutcome] = []

    def call(self, dependency: str, outcome: str, seconds: float) -> None:
        assert dependency == "redis"
        assert seconds >= 0
        self.calls.append(outcome)


class Clock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def compute() -> FloatArray:
    return QUERY.copy()


async def timed_search(cache: RedisEmbeddingCache) -> float:
    """Seconds that one lookup with its computation took."""
    begin = time.monotonic()
    np.testing.assert_array_equal(await cache.get_or_compute(b"key", compute), QUERY)
    taken = time.monotonic() - begin
    await cache.settle()
    return taken


def cache_over(link: RedisLink, observed: Observed) -> RedisEmbeddingCache:
    """A cache that keeps nothing of its own, so that every lookup asks Redis."""
    return RedisEmbeddingCache(link, secret=b"s", fresh_s=0, count=observed.lookups.append)


async def test_without_an_address_everything_is_computed() -> None:
    observed = Observed()
    link = RedisLink(None, observe=observed.call)
    await timed_search(cache_over(link, observed))
    store = RedisSnapshotStore(link, secret=b"s")
    assert await store.put(b"key", []) is False
    assert await store.get(b"key") is None
    await link.close()
    assert (observed.calls, observed.lookups) == ([], [CacheOutcome.ABSENT])


async def test_down_is_served_at_once_and_found_again(server: RedisServer) -> None:
    server.kill()
    observed, clock = Observed(), Clock()
    link = RedisLink(server.url, budget_s=1.0, observe=observed.call, breaker=Breaker(clock=clock))
    cache = cache_over(link, observed)

    assert max([await timed_search(cache) for _ in range(20)]) < 0.5
    assert observed.calls[:5] == ["unavailable"] * 5
    assert set(observed.calls[5:]) == {"open"}

    server.start()
    clock.now_s = 2.0
    observed.calls.clear()
    await timed_search(cache)
    await timed_search(cache)
    assert observed.calls == ["ok", "ok", "ok"]
    assert observed.lookups[-2:] == [CacheOutcome.MISS, CacheOutcome.HIT]
    await link.close()


async def test_a_stopped_server_costs_the_budget_a_few_times_only(server: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(server.url, budget_s=BUDGET_S, observe=observed.call)
    cache = cache_over(link, observed)
    await timed_search(cache)
    server.pause()
    observed.calls.clear()
    times = [await timed_search(cache) for _ in range(50)]
    server.resume()

    # A lookup and a store each wait for the budget; the rest is this machine's scheduling.
    assert max(times) < 2 * BUDGET_S + 0.5
    assert 1 <= observed.calls.count("timeout") <= 5
    assert observed.calls[-40:] == ["open"] * 40
    await link.close()


async def test_a_restart_is_survived(server: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(server.url, budget_s=1.0, observe=observed.call)
    cache = cache_over(link, observed)
    await timed_search(cache)
    server.kill()
    server.start()
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
    wire: FaultProxy, server: RedisServer, leave: str
) -> None:
    """One question is sent and its asker leaves before the answer; then many others ask."""
    for number in range(20):
        server.command("SET", f"key {number}", f"value {number}")
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


async def test_cancelled_callers_at_random_never_mix_answers(server: RedisServer) -> None:
    for number in range(50):
        server.command("SET", f"key {number}", f"value {number}")
    link = RedisLink(server.url, budget_s=1.0)
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


async def test_an_answer_that_came_while_the_loop_was_late_counts(server: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(server.url, budget_s=BUDGET_S, observe=observed.call)
    await link.call("SET", "key", "value")
    for _ in range(20):  # also while further connections are being made
        asked = [asyncio.create_task(link.call("GET", "key")) for _ in range(8)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # they are sent by now
        time.sleep(2 * BUDGET_S)  # noqa: ASYNC251 - the loop is to be late
        assert await asyncio.gather(*asked) == [b"value"] * 8
    assert set(observed.calls) == {"ok"}
    await link.close()


async def test_many_callers_share_few_connections(wire: FaultProxy, server: RedisServer) -> None:
    server.command("SET", "key", "value")
    link = RedisLink(f"redis://{wire.address}", budget_s=1.0)
    answers = await asyncio.gather(*(link.call("GET", "key") for _ in range(200)))
    assert answers == [b"value"] * 200
    assert wire.accepted <= 4
    await link.close()


async def test_a_refusal_is_that_of_its_own_command(server: RedisServer) -> None:
    link = RedisLink(server.url, budget_s=1.0)
    await link.call("RPUSH", "list", "a")
    await link.call("SET", "word", "b")
    asked = [link.call("GET", name) for name in ("word", "list", "word", "list")]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [answers[0], answers[2]] == [b"b", b"b"]
    assert [type(answers[1]), type(answers[3])] == [RedisAbsent, RedisAbsent]
    await link.close()


async def test_a_command_that_cannot_be_written_disturbs_no_other(server: RedisServer) -> None:
    link = RedisLink(server.url, budget_s=1.0)
    with pytest.raises(RedisAbsent):
        await link.call("SET", "key", object())  # type: ignore[arg-type]
    await link.call("SET", "key", "value")
    assert await link.call("GET", "key") == b"value"
    await link.close()


async def test_what_is_computed_is_given_back_before_it_is_stored(wire: FaultProxy) -> None:
    observed = Observed()
    link = RedisLink(f"redis://{wire.address}", budget_s=0.3)
    cache = cache_over(link, observed)
    await link.call("PING")
    wire.stall()
    computed = 0

    async def count() -> FloatArray:
        nonlocal computed
        computed += 1
        return QUERY

    for _ in range(3):  # the first one's store is on its way all the while
        np.testing.assert_array_equal(await cache.get_or_compute(b"key", count), QUERY)
    assert computed == 1
    await wire.heal()
    await cache.settle()
    await link.close()


async def test_what_was_just_computed_is_not_computed_again_where_redis_does_not_take_it() -> None:
    cache = RedisEmbeddingCache(RedisLink(None), secret=b"s", fresh_s=0.2)
    computed = 0

    async def count() -> FloatArray:
        nonlocal computed
        computed += 1
        return QUERY.copy()

    for _ in range(3):
        np.testing.assert_array_equal(await cache.get_or_compute(b"key", count), QUERY)
        await cache.settle()
    assert computed == 1
    await asyncio.sleep(0.25)
    await cache.get_or_compute(b"key", count)
    assert computed == 2


async def test_a_full_redis_refuses_and_nobody_minds() -> None:
    server = RedisServer(maxmemory_mib=1, policy="noeviction")
    server.start()
    observed = Observed()
    link = RedisLink(server.url, budget_s=1.0, observe=observed.call)
    cache = cache_over(link, observed)
    for number in range(8):
        big = np.full((1 << 18,), number, np.float32)

        async def compute_big(big: FloatArray = big) -> FloatArray:
            return big

        found = await cache.get_or_compute(str(number).encode(), compute_big)
        assert (found == number).all()
        await cache.settle()
    assert "refused" in observed.calls
    assert "open" not in observed.calls
    assert await RedisSnapshotStore(link, secret=b"s").put(b"key", [_place()]) is False
    await link.close()
    server.kill()


async def test_memory_is_bounded_by_eviction(server: RedisServer) -> None:
    server.command("CONFIG", "SET", "maxmemory", "4mb")
    link = RedisLink(server.url, budget_s=1.0)
    cache = RedisEmbeddingCache(link, secret=b"s")
    for number in range(20):
        embeds = np.full((257, 1408), number, np.float16)

        async def compute_embeds(embeds: FloatArray = embeds) -> FloatArray:
            return embeds

        await cache.get_or_compute(str(number).encode(), compute_embeds)
        await cache.settle()
    assert 0 < len(server.keys()) < 6
    await link.close()


def _place() -> Ranked:
    return Ranked(uuid.uuid4(), 0.5)


async def test_damaged_entries_are_missed_deleted_and_replaced(server: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(server.url, budget_s=1.0)
    cache = cache_over(link, observed)
    await cache.get_or_compute(b"other", compute)
    await cache.settle()
    (other,) = server.keys()
    await cache.get_or_compute(b"key", compute)
    await cache.settle()
    (name,) = set(server.keys()) - {other}
    good = await link.call("GET", name)
    misplaced = await link.call("GET", other)
    damages = [
        b"", good[:5], good[:-1], good + b"\0", bytes([good[0] ^ 1]) + good[1:],
        good[:2] + b"\x09" + good[3:], good[:3] + b"\x01" + good[4:],
        good[:600] + bytes([good[600] ^ 1]) + good[601:], misplaced,
    ]  # fmt: skip
    for damage in damages:
        await link.call("SET", name, damage)
        np.testing.assert_array_equal(await cache.get_or_compute(b"key", compute), QUERY)
        await cache.settle()
        assert observed.lookups[-1] == CacheOutcome.DAMAGED
        assert await link.call("GET", name) == good
    await link.close()


async def test_a_damaged_entry_is_deleted_even_where_nothing_replaces_it(
    server: RedisServer,
) -> None:
    link = RedisLink(server.url, budget_s=1.0)
    store = RedisSnapshotStore(link, secret=b"s")
    await store.put(b"key", [_place()])
    (name,) = server.keys()
    good = await link.call("GET", name)
    for damage in (good[:-1], good[:20] + b"\0\0" + good[22:], b"", b"RC"):
        await link.call("SET", name, damage)
        assert await store.get(b"key") is None
        assert server.keys() == []
    await link.close()


async def test_an_entry_of_another_type_is_no_error(server: RedisServer) -> None:
    observed = Observed()
    link = RedisLink(server.url, budget_s=1.0, observe=observed.call)
    cache = cache_over(link, observed)
    await timed_search(cache)
    (name,) = server.keys()
    server.command("DEL", name)
    server.command("RPUSH", name, "a")
    await timed_search(cache)
    assert "refused" in observed.calls
    await timed_search(cache)
    assert observed.lookups[-1] == CacheOutcome.HIT
    await link.close()


async def test_names_and_values_tell_nothing_of_the_words(server: RedisServer) -> None:
    link = RedisLink(server.url, budget_s=1.0)
    for secret in (b"one", b"two"):
        cache = RedisEmbeddingCache(link, secret=secret)
        await cache.get_or_compute(b"red dress", compute)
        await cache.settle()
    names = server.keys()
    assert len(names) == 2
    assert not any(b"red" in name.removeprefix(b"recompose:") for name in names)
    assert all(server.command("TTL", name) > b":600000" for name in names)
    await link.close()


async def test_descriptors_and_tasks_return_to_where_they_began(server: RedisServer) -> None:
    before_files, before_tasks = len(os.listdir("/proc/self/fd")), asyncio.all_tasks()
    for _ in range(5):
        link = RedisLink(server.url, budget_s=BUDGET_S)
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
