"""Gateways behind clients that balance: warmed up, counted, and what they did not answer."""

from collections.abc import Sequence

import httpx

from tests.benchmarks.load.drive import drive
from tests.benchmarks.load.edges import GrpcEdge, RestEdge
from tests.benchmarks.load.questions import Questions
from tests.benchmarks.load.samples import Sample
from tests.support.stack_gateways import Gateway

DEADLINE_S = 60.0
"""More than a busy machine needs: what is looked for are failures, not delays."""


def balancing(gateways: Sequence[Gateway]) -> tuple[GrpcEdge, RestEdge]:
    """A client of each edge, over all gateways."""
    return (
        GrpcEdge([gateway.grpc for gateway in gateways]),
        RestEdge([gateway.rest for gateway in gateways]),
    )


async def warm_up(gateway: Gateway, questions: Questions) -> None:
    """Ask a little by both edges, so that a first request's work is not in what is timed."""
    edges = balancing([gateway])
    samples = await drive([0.0] * 6, edges, questions.next, deadline_s=DEADLINE_S)
    for edge in edges:
        await edge.close()
    assert unlike_answered(samples) == []


def served(gateway: Gateway, edge: str = "") -> float:
    """Searches that it has answered, by both edges or by one: ``grpc`` or ``rest``."""
    lines = httpx.get(f"http://{gateway.rest}/metrics").text.splitlines()
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in lines
        if line.startswith("recompose_requests_total{")
        and 'method="Search"' in line
        and f'edge="{edge}' in line
    )


def unlike_answered(samples: Sequence[Sample]) -> list[tuple[str, str, str, float]]:
    """Edge, outcome, reason and time of what got no answer."""
    return [
        (s.edge, s.outcome, s.reason, round(s.due_s, 2)) for s in samples if s.outcome != "answered"
    ]
