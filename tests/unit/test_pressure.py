"""When a process takes no work beside what it has: a loop that stays late, memory that ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.admission import Admission, FixedLimit
from gateway.pressure import Pressure, read_memory_limit, read_resident_bytes
from recompose.v1 import search_pb2
from retrieval.errors import Overloaded
from tests.support.edges import grpc_refusal, rest_refusal, serving
from tests.support.fake_core import FakeCore, edge_parts

MIB = 1 << 20


@asynccontextmanager
async def watched(pressure: Pressure) -> AsyncIterator[None]:
    watch = asyncio.create_task(pressure.watch())
    try:
        yield
    finally:
        watch.cancel()


async def held_up(steps: int) -> None:
    """The loop is busy, with a breath between the steps."""
    for _ in range(steps):
        time.sleep(0.2)  # noqa: ASYNC251 - this is what is tested
        await asyncio.sleep(0)


def test_lateness_that_lasts_is_pressure_and_one_long_step_is_none() -> None:
    pressure = Pressure(max_lag_s=0.1, memory_limit_bytes=None, observe_lag=lambda _: None)
    told = []
    for lag_s in (5.0, 0.0, 0.2, 0.2, 0.2, 0.2, 0.1, 0.2, 0.2):
        pressure.measured(lag_s)
        told.append(pressure.is_high())
    assert told == [False, False, False, False, True, True, False, False, False]


async def test_a_long_step_is_late_for_each_moment_in_it() -> None:
    lags: list[float] = []
    pressure = Pressure(max_lag_s=0.1, memory_limit_bytes=None, observe_lag=lags.append)
    async with watched(pressure):
        await asyncio.sleep(0.1)
        lags.clear()
        time.sleep(0.5)  # noqa: ASYNC251 - this is what is tested
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(lags) >= 24
    assert max(lags) > 0.45
    # Moments lie 20 ms apart, so each waited 20 ms less than the one before it.
    assert lags[0] - lags[-1] == pytest.approx(0.02 * (len(lags) - 1))


def test_after_a_stop_of_hours_the_loop_is_not_held_up_by_telling_of_it() -> None:
    lags: list[float] = []
    pressure = Pressure(max_lag_s=0.1, memory_limit_bytes=None, observe_lag=lags.append)
    assert pressure._tell(0.0, 7200.0) > 7200
    assert len(lags) == 500


async def test_a_loop_that_is_held_up_is_noticed_and_forgotten() -> None:
    pressure = Pressure(max_lag_s=0.05, memory_limit_bytes=None, observe_lag=lambda _: None)
    async with watched(pressure):
        late = asyncio.create_task(held_up(30))
        while not pressure.is_high():
            assert not late.done()
            await asyncio.sleep(0)
        late.cancel()
        async with asyncio.timeout(20):
            while pressure.is_high():  # noqa: ASYNC110 - what is polled has no event
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(("resident", "high"), [(80 * MIB, False), (86 * MIB, True)])
def test_memory_over_its_share_is_pressure(resident: int, high: bool) -> None:
    pressure = Pressure(
        max_lag_s=0.1,
        memory_limit_bytes=100 * MIB,
        observe_lag=lambda _: None,
        resident_bytes=lambda: resident,
    )
    assert pressure.is_high() is high


def test_memory_is_read_of_this_process() -> None:
    before = read_resident_bytes()
    ballast = b"x" * (64 * MIB)
    assert 60 * MIB < read_resident_bytes() - before < 80 * MIB
    del ballast


@pytest.mark.parametrize(
    ("texts", "limit"),
    [(("536870912\n",), 536_870_912), (("max\n",), None), ((), None), (("max\n", "1024\n"), 1024)],
)
def test_the_limit_is_the_control_groups(
    tmp_path: Path, texts: tuple[str, ...], limit: int | None
) -> None:
    files = [tmp_path / str(number) for number in range(2)]
    for file, text in zip(files, texts, strict=False):
        file.write_text(text)
    assert read_memory_limit(tuple(files)) == limit


def test_under_pressure_one_is_let_in() -> None:
    pressed = True
    admission = Admission(FixedLimit(8), lambda: pressed)
    with admission.permit():
        with pytest.raises(Overloaded), admission.permit():
            pass
        pressed = False
        with admission.permit():
            assert admission.in_flight == 2
    assert admission.in_flight == 0


async def test_under_pressure_callers_are_told_when_to_try_again() -> None:
    core = FakeCore(hold=asyncio.Event())
    parts = edge_parts(core, pressed=lambda: True)
    async with serving(parts) as edges:
        body = {"modification": "x"}
        first = asyncio.create_task(edges.rest.post("/v1/products:search", json=body))
        await core.entered.wait()
        answer = await edges.rest.post("/v1/products:search", json=body)
        assert (answer.status_code, rest_refusal(answer).reason) == (429, "OVERLOADED")
        assert answer.headers["retry-after"] == "1"
        refusal = await grpc_refusal(edges.search.Search(search_pb2.SearchRequest(**body)))
        assert (refusal.status, refusal.reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert core.hold is not None
        core.hold.set()
        assert (await first).status_code == 200
        assert (await edges.rest.post("/v1/products:search", json=body)).status_code == 200
