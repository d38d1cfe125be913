"""The server answers as Qdrant does.

Every scenario is asked of the server through the wire, and of qdrant-client's local mode; of a
real Qdrant too where QDRANT_TEST_URL names one. The answers must be the same, and so must be the
status of a refusal, which local mode does not have.
"""

from __future__ import annotations

from typing import Any

import pytest
from qdrant_client import QdrantClient

from tests.integration.qdrant_edge_server.congruence.collection_cases import (
    COLLECTIONS,
    REFUSED,
)
from tests.integration.qdrant_edge_server.congruence.filter_cases import (
    COMBINED,
    COUNT,
    FILTER_CASES,
)
from tests.integration.qdrant_edge_server.congruence.read_cases import READS
from tests.integration.qdrant_edge_server.congruence.scenario import (
    Refused,
    Scenario,
    everything,
    outcome,
    same,
)
from tests.integration.qdrant_edge_server.congruence.write_cases import BAD_WRITES, WRITES

READING = {**FILTER_CASES, **READS, **REFUSED}
ALL_CHOSEN = {"empty", "has vector"}
NONE_CHOSEN = {
    *("has no id", "has not the vector", "has a vector that is not there"),
    *("min should of more than all", "nested in no list"),
}
WRITING = {**WRITES, **COLLECTIONS}


@pytest.mark.parametrize("case", READING)
def test_what_is_read(
    case: str, client: QdrantClient, peer: QdrantClient, is_local: bool, shared: str
) -> None:
    _compare(READING[case], client, peer, is_local, shared)


@pytest.mark.parametrize("case", WRITING)
def test_what_writes_leave(
    case: str, client: QdrantClient, peer: QdrantClient, is_local: bool, own: str
) -> None:
    _compare(WRITING[case], client, peer, is_local, own)


@pytest.mark.parametrize("case", BAD_WRITES)
def test_a_refused_write_leaves_nothing(
    case: str, client: QdrantClient, peer: QdrantClient, is_local: bool, shared: str
) -> None:
    before = everything(client, shared)
    _compare(BAD_WRITES[case], client, peer, is_local, shared)
    assert same(everything(client, shared), before)


def test_the_filters_choose_something_and_not_everything(client: QdrantClient, shared: str) -> None:
    """Else a filter that does nothing would agree with another that does nothing."""
    for case, chosen in COMBINED.items():
        count = client.count(shared, count_filter=chosen).count
        assert (count == COUNT) == (case in ALL_CHOSEN), case
        assert (count == 0) == (case in NONE_CHOSEN), case


def _compare(
    scenario: Scenario, client: QdrantClient, peer: QdrantClient, is_local: bool, name: str
) -> None:
    ours, theirs = (outcome(scenario.ask, each, name) for each in (client, peer))
    assert ours == Refused(scenario.refused) if scenario.refused else not _is_refused(ours), ours
    if is_local and scenario.local_differs:
        assert not _agree(ours, theirs, is_local), f"local mode agrees by now: {scenario}"
    else:
        assert _agree(ours, theirs, is_local), f"{ours}\n\nis not\n\n{theirs}"


def _agree(ours: Any, theirs: Any, is_local: bool) -> bool:
    if is_local and _is_refused(ours):
        return _is_refused(theirs)
    return same(ours, theirs)


def _is_refused(answer: Any) -> bool:
    return isinstance(answer, Refused)
