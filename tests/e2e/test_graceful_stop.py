"""SIGTERM under load: of two gateways one ends, and no shopper notices."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.load.drive import drive
from tests.benchmarks.load.questions import Questions, read_catalog
from tests.benchmarks.load.schedule import arrivals
from tests.support.replicas import DEADLINE_S, balancing, served, unlike_answered, warm_up
from tests.support.stack import Stack
from tests.support.stack_gateways import Gateway, gateways_beside, is_ready

SECONDS = 8.0
RATE = 40.0
REPEATED = 0.95
STOP_AFTER_S = 3.0
NOTICED_AFTER_S = 1.0
"""Half of the grace: until then it is asked although it ends."""
UNREADY_WITHIN_S = 1.0
GONE_WITHIN_S = 15.0


@pytest.fixture
def gateways(stack: Stack, tmp_path: Path) -> Iterator[list[Gateway]]:
    """Two, told as in a cluster to wait a while until balancers have noticed."""
    settings = {"DRAIN_GRACE_S": 2, "DRAIN_BUDGET_S": 10, "SEARCH_BUDGET_S": 30}
    with gateways_beside(stack, tmp_path / "first", tmp_path / "second", **settings) as both:
        yield both


async def test_a_gateway_that_is_told_to_end_loses_nothing_it_admitted(
    stack: Stack, gateways: list[Gateway]
) -> None:
    products, pictures = read_catalog(stack.rest)
    questions = Questions(products, pictures, repeated=REPEATED, page_size=5)
    for gateway in gateways:
        await warm_up(gateway, questions)
    warmed = served(gateways[0])
    edges = balancing(gateways)
    due = arrivals("poisson", RATE, SECONDS, seed=1)
    asking = asyncio.create_task(drive(due, edges, questions.next, deadline_s=DEADLINE_S))
    await asyncio.sleep(STOP_AFTER_S)
    before = served(gateways[0])
    stopping = asyncio.create_task(asyncio.to_thread(stop, gateways[0]))
    await asyncio.sleep(NOTICED_AFTER_S)
    edges[1].leave(gateways[0].rest)  # gRPC's own client notices by itself
    unready_s, gone_s = await stopping
    samples = await asking
    for edge in edges:
        await edge.close()

    assert before > warmed, "the one that ended had been asked nothing"
    assert unlike_answered(samples) == []
    assert unready_s < UNREADY_WITHIN_S
    assert gone_s < GONE_WITHIN_S
    assert gateways[0].process.returncode == 0
    assert is_ready(gateways[1])


def stop(gateway: Gateway) -> tuple[float, float]:
    """SIGTERM; seconds until it was not ready, and until it was gone."""
    started_s = time.monotonic()
    gateway.process.send_signal(signal.SIGTERM)
    while is_ready(gateway) and time.monotonic() - started_s < GONE_WITHIN_S:
        time.sleep(0.02)
    unready_s = time.monotonic() - started_s
    gateway.process.wait(2 * GONE_WITHIN_S)
    return unready_s, time.monotonic() - started_s
