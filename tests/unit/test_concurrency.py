"""The limit that learns: what it does to a service that is offered more than it can do."""

import heapq
import time
from dataclasses import dataclass, field

import pytest

from gateway.admission import Admission
from gateway.concurrency import LEAST, PROMPT, START, Concurrency
from retrieval.errors import (
    DeadlineExceeded,
    DependencyTimeout,
    InvalidArgument,
    Overloaded,
    Reason,
)


@dataclass
class Service:
    """Answers in the order of coming, ``workers`` at a time, each in ``work_s``; time is made."""

    workers: int
    work_s: float
    most: int = 128
    target_s: float = 0.1
    now_s: float = 0.0
    refused: int = 0
    took_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.concurrency = Concurrency(self.most, self.target_s, lambda: self.now_s)
        self._free_s = [0.0] * self.workers
        self._ends: list[tuple[float, float]] = []

    def offer(self, rate: float, seconds: float) -> None:
        """Requests at even distances, each admitted or refused as it comes."""
        self.refused, self.took_s = 0, []
        start_s = self.now_s
        for number in range(int(rate * seconds)):
            due_s = start_s + number / rate
            self._end_until(due_s)
            self.now_s = due_s
            if len(self._ends) >= self.concurrency.limit:
                self.concurrency.full()
                self.refused += 1
                continue
            begin_s = max(due_s, heapq.heappop(self._free_s))
            heapq.heappush(self._free_s, begin_s + self.work_s)
            heapq.heappush(self._ends, (begin_s + self.work_s, due_s))
        self._end_until(start_s + seconds)

    def _end_until(self, moment_s: float) -> None:
        while self._ends and self._ends[0][0] <= moment_s:
            self.now_s, began_s = heapq.heappop(self._ends)
            self.took_s.append(self.now_s - began_s)
            self.concurrency.took(self.now_s - began_s)

    @property
    def typical_s(self) -> float:
        return sorted(self.took_s)[len(self.took_s) // 2]


def test_under_four_times_the_load_waiting_stays_short_and_nothing_is_lost() -> None:
    service = Service(workers=4, work_s=0.04)
    service.offer(rate=400, seconds=10)
    service.offer(rate=400, seconds=20)
    assert len(service.took_s) >= 0.97 * 100 * 20
    assert service.typical_s <= 0.13
    assert max(service.took_s) <= 0.2


def test_less_than_it_can_do_is_refused_nothing() -> None:
    service = Service(workers=4, work_s=0.04)
    service.offer(rate=80, seconds=30)
    assert service.refused == 0
    assert service.concurrency.limit == START


def test_it_is_itself_again_after_an_overload() -> None:
    service = Service(workers=4, work_s=0.04)
    service.offer(rate=1000, seconds=30)
    service.offer(rate=90, seconds=2)
    service.offer(rate=90, seconds=20)
    assert service.refused == 0


def test_a_service_that_can_do_much_gets_much() -> None:
    service = Service(workers=100, work_s=0.04)
    service.offer(rate=2400, seconds=10)
    service.offer(rate=2400, seconds=10)
    assert service.refused == 0
    assert service.concurrency.limit >= 96


def test_where_the_work_alone_takes_longer_than_the_target_it_is_still_done() -> None:
    # All but four at a time would be given up for a target that cannot be met.
    service = Service(workers=16, work_s=0.4)
    service.offer(rate=200, seconds=60)
    service.offer(rate=200, seconds=60)
    assert len(service.took_s) >= 0.7 * 40 * 60


@pytest.mark.parametrize("most", [1, 3, 128])
def test_the_limit_has_bounds(most: int) -> None:
    service = Service(workers=1, work_s=5.0, most=most)
    assert service.concurrency.limit == min(most, START)
    service.offer(rate=50, seconds=120)
    assert min(most, LEAST) <= service.concurrency.limit <= most


def window(service: Service, *, late_s: float, full: bool) -> int:
    """Half a second of quick searches on a loop that is late at some moments; the limit after."""
    for _ in range(22):
        service.concurrency.late(0.0)
    for _ in range(3):
        service.concurrency.late(late_s)
    if full:
        service.concurrency.full()
    service.now_s += 0.6
    for _ in range(8):
        service.concurrency.took(0.01)
    return service.concurrency.limit


def test_a_late_event_loop_lets_fewer_in_while_more_would_come() -> None:
    service = Service(workers=1, work_s=0.01)
    assert window(service, late_s=0.05, full=False) == START
    for _ in range(20):
        window(service, late_s=0.001, full=True)
    assert service.concurrency.limit == 128
    assert window(service, late_s=0.05, full=False) == 128
    assert window(service, late_s=0.015, full=True) == 128
    limits = [window(service, late_s=0.05, full=True) for _ in range(20)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] == PROMPT


def test_a_limit_that_a_slow_spell_left_low_grows_also_on_a_late_loop() -> None:
    service = Service(workers=1, work_s=5.0)
    service.offer(rate=50, seconds=120)
    low = service.concurrency.limit
    assert low < PROMPT
    service.now_s += 10
    limits = [window(service, late_s=0.05, full=True) for _ in range(20)]
    assert limits[-1] == PROMPT


def test_an_idle_service_keeps_no_moments() -> None:
    concurrency = Service(workers=1, work_s=0.01).concurrency
    for _ in range(100_000):
        concurrency.late(0.001)
    assert len(concurrency._late_s) <= 100


class Told:
    """A limit that writes down what it is told."""

    limit = 1

    def __init__(self) -> None:
        self.was_full = 0
        self.took_s: list[float] = []

    def full(self) -> None:
        self.was_full += 1

    def took(self, seconds: float) -> None:
        self.took_s.append(seconds)


def test_searches_tell_how_long_they_took_and_refusals_that_it_was_full() -> None:
    told = Told()
    admission = Admission(told)
    with admission.search_permit():
        with pytest.raises(Overloaded):
            admission.check()
        with pytest.raises(Overloaded), admission.search_permit():
            pass
    assert (len(told.took_s), told.was_full) == (1, 2)
    with admission.permit():
        pass
    assert len(told.took_s) == 1


def test_the_time_of_a_second_stage_says_nothing_of_the_load() -> None:
    told = Told()
    with Admission(told).search_permit() as place:
        began_s = time.monotonic()
        time.sleep(0.05)
        place.apart_s = time.monotonic() - began_s
    assert told.took_s[0] < 0.04


@pytest.mark.parametrize(
    ("error", "tells"),
    [
        (DeadlineExceeded(), True),
        (DependencyTimeout(dependency="triton"), False),
        (InvalidArgument(Reason.FIELD_INVALID), False),
    ],
)
def test_what_callers_and_parts_do_wrong_says_nothing_of_the_load(
    error: Exception, tells: bool
) -> None:
    told = Told()
    with pytest.raises(type(error)), Admission(told).search_permit():
        raise error
    assert bool(told.took_s) is tells
