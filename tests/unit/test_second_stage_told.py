"""What is told of second stages: spans and metrics."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.trace import StatusCode

from gateway.telemetry import Metrics
from retrieval.domain import Deadline, ProductReference, Rerank, RerankOutcome, SearchRequest
from retrieval.errors import DependencyUnavailable
from tests.support.core import Core, running_core, write
from tests.support.kept_spans import Kept

WORDS = "in red with coat"
ASKED = SearchRequest(reference=ProductReference("p1"), modification=WORDS, rerank=Rerank(9))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def core(tmp_path: Path, kept: Kept) -> Iterator[Core]:
    with running_core(tmp_path, trace=kept.make.step) as core:
        yield core


async def searched(core: Core, kept: Kept) -> None:
    await core.catalog.import_products("", [write(n) for n in range(12)], Deadline.after(10))
    with kept.make.request("search", ()):
        await core.search.search(ASKED, Deadline.after(10))


async def test_a_trace_shows_the_second_stage_and_what_it_needed(core: Core, kept: Kept) -> None:
    await searched(core, kept)
    rerank, embed, search = kept["rerank"], kept["embed candidates"], kept["search"]
    assert rerank.attributes == {
        "recompose.rerank.depth": 9,
        "recompose.rerank.outcome": "DONE",
    }
    assert embed.attributes == {"recompose.candidates": 9}
    for inner, outer in ((rerank, search), (embed, rerank)):
        assert inner.parent is not None
        assert outer.context is not None
        assert inner.parent.span_id == outer.context.span_id
    assert kept.names.count("read picture") == 1 + 9  # the reference's, and the candidates'
    assert not any(word in str(rerank.attributes) for word in WORDS.split() if len(word) > 2)


async def test_a_trace_shows_why_there_was_none(core: Core, kept: Kept) -> None:
    core.reranker.failure = DependencyUnavailable(dependency="triton")
    await searched(core, kept)
    rerank = kept["rerank"]
    assert rerank.attributes is not None
    assert rerank.attributes["error.type"] == "DEPENDENCY_UNAVAILABLE"
    assert rerank.attributes["recompose.rerank.outcome"] == "UNAVAILABLE"
    assert rerank.status.status_code is StatusCode.ERROR
    assert kept["search"].status.status_code is not StatusCode.ERROR


def test_metrics_count_outcomes_time_and_candidates_from_zero() -> None:
    metrics = Metrics()

    def told(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"recompose_{name}", labels)

    outcomes = ("done", "out_of_time", "unavailable")
    assert [told("reranks_total", outcome=one) for one in outcomes] == [0, 0, 0]
    assert [told("rerank_candidates_total", source=one) for one in ("cache", "computed")] == [0, 0]
    metrics.observe_rerank(RerankOutcome.OUT_OF_TIME, 0.75)
    metrics.count_rerank_candidate("cache")
    assert [told("reranks_total", outcome=one) for one in outcomes] == [0, 1, 0]
    assert told("rerank_seconds_sum") == 0.75
    assert told("rerank_candidates_total", source="cache") == 1
