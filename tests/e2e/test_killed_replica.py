"""SIGKILL under load: of two gateways one is gone at once, and the other serves what comes."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.load.drive import drive
from tests.benchmarks.load.questions import Questions, read_catalog
from tests.benchmarks.load.samples import Sample
from tests.benchmarks.load.schedule import arrivals
from tests.support.replicas import DEADLINE_S, balancing, served, unlike_answered, warm_up
from tests.support.stack import Stack
from tests.support.stack_gateways import Gateway, gateways_beside, is_ready

SECONDS = 6.0
RATE = 25.0
KILL_AFTER_S = 2.5
NOTICED_WITHIN_S = 0.5
"""From when its sockets are closed until a client that is busy has read that."""
SETTINGS = {"SEARCH_BUDGET_S": 30}
ROUNDS = 30


@pytest.fixture
def gateways(stack: Stack, tmp_path: Path) -> Iterator[list[Gateway]]:
    with gateways_beside(stack, tmp_path / "first", tmp_path / "second", **SETTINGS) as both:
        yield both


async def test_of_two_gateways_one_is_killed_and_the_other_serves(
    stack: Stack, gateways: list[Gateway], tmp_path: Path
) -> None:
    products, pictures = read_catalog(stack.rest)
    questions = Questions(products, pictures, repeated=0.95, page_size=5)
    killed, other = gateways
    for gateway in gateways:
        await warm_up(gateway, questions)
    warmed = served(killed)
    edges = balancing(gateways)
    due = arrivals("poisson", RATE, SECONDS, seed=1)
    started_s = time.monotonic()
    asking = asyncio.create_task(drive(due, edges, questions.next, deadline_s=DEADLINE_S))
    await asyncio.sleep(KILL_AFTER_S)
    before = served(killed)
    killed_s = time.monotonic() - started_s
    killed.process.kill()
    killed.process.wait()
    gone_s = time.monotonic() - started_s
    samples = await asking

    assert before > warmed, "the one that was killed had been asked nothing"
    lost = [sample for sample in samples if sample.outcome != "answered"]
    assert unlike_answered([one for one in lost if not was_inside(one, killed_s, gone_s)]) == []
    assert {one.reason for one in lost} <= {"UNAVAILABLE", "CONNECTION_LOST"}
    assert sum(one.due_s > gone_s + NOTICED_WITHIN_S for one in samples) > RATE
    assert is_ready(other)

    # Another at the same address is found by the same clients, and nothing is lost on the way.
    with gateways_beside(stack, tmp_path / "third", at=killed, **SETTINGS) as (third,):
        for _ in range(ROUNDS):
            again = await drive(
                arrivals("poisson", RATE, 1.0, seed=2),
                edges,
                questions.next,
                deadline_s=DEADLINE_S,
            )
            assert unlike_answered(again) == []
            if served(third, "grpc") and served(third, "rest"):
                break
        else:
            raise AssertionError("the one that was started again was asked nothing")
    for edge in edges:
        await edge.close()


def was_inside(sample: Sample, killed_s: float, gone_s: float) -> bool:
    """Whether a request can have been at the gateway that was killed, seconds from the start."""
    began_s = sample.due_s + sample.late_start_s
    return began_s <= gone_s + NOTICED_WITHIN_S and sample.ended_s >= killed_s
