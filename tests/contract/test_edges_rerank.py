"""A second stage is asked for and answered alike on both edges: over the real core, with fakes at
its ports."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from gateway.admission import Admission, FixedLimit
from recompose.v1 import search_pb2
from retrieval.domain import (
    Deadline,
    Hit,
    ProductReference,
    Rerank,
    RerankOutcome,
    SearchRequest,
    SearchResponse,
)
from retrieval.errors import DependencyTimeout, DependencyUnavailable
from tests.support.core import picture, running_core
from tests.support.edges import rest_refusal, serving
from tests.support.fake_core import PRODUCT, FakeCore, edge_parts
from tests.support.reranking import (
    MESSAGE,
    QUERY,
    RerankingShop,
    ids,
    probabilities,
    reranking_shop,
)

# --- what reaches the core --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "wire", "depth"),
    [
        ({"depth": 40}, {"depth": 40}, 40),
        ({}, {}, 25),
        ({"depth": None}, {}, 25),
        ({"depth": 0}, {"depth": 0}, 25),
        ({"depth": 101}, {"depth": 101}, 101),  # the core's to refuse
        (None, None, None),
    ],
)
async def test_both_edges_ask_for_the_same_depth(
    rest: dict[str, Any] | None, wire: dict[str, Any] | None, depth: int | None
) -> None:
    core = FakeCore()
    asked = {} if wire is None else {"rerank": wire}
    async with serving(edge_parts(core)) as edges:
        by_json = await edges.rest.post("/v1/products:search", json={**QUERY, "rerank": rest})
        by_form = await edges.rest.post(
            "/v1/products:search",
            files={
                "reference": (None, json.dumps(QUERY["reference"])),
                "modification": (None, "in red"),
                "rerank": (None, json.dumps(rest)),
            },
        )
        await edges.search.Search(ParseDict({**MESSAGE, **asked}, search_pb2.SearchRequest()))
    assert (by_json.status_code, by_form.status_code) == (200, 200)
    rerank = None if depth is None else Rerank(depth)
    expected = SearchRequest(reference=ProductReference("p1"), modification="in red", rerank=rerank)
    assert core.calls == [("search", expected)] * 3


async def test_a_second_stage_has_time_of_its_own_beside_the_searchs() -> None:
    core = FakeCore()
    parts = edge_parts(core)
    async with serving(replace(parts, budgets=replace(parts.budgets, rerank_s=30.0))) as edges:
        for body in (QUERY, {**QUERY, "rerank": {}}):
            await edges.rest.post("/v1/products:search", json=body)
        plain = ParseDict(MESSAGE, search_pb2.SearchRequest())
        reranked = ParseDict({**MESSAGE, "rerank": {}}, search_pb2.SearchRequest())
        for message in (plain, reranked):
            await edges.search.Search(message)
        await edges.search.Search(reranked, timeout=3)
    assert [round(seconds) for seconds in core.deadlines_s] == [8, 38, 8, 38, 3]


# --- what comes back --------------------------------------------------------------------------


class AnsweringCore(FakeCore):
    """Answers with a first hit that was judged, and one that was not."""

    outcome: RerankOutcome | None = None
    second_stage_s: float = 0.0

    async def search(self, request: SearchRequest, deadline: Deadline) -> SearchResponse:
        judged = None if self.outcome is None else 0.0
        return SearchResponse(
            (Hit(PRODUCT, 0.5, judged), Hit(PRODUCT, 0.75)),
            rerank=self.outcome,
            second_stage_s=self.second_stage_s,
        )


@pytest.mark.parametrize("outcome", [None, *RerankOutcome])
async def test_both_edges_say_the_same_of_it(outcome: RerankOutcome | None) -> None:
    core = AnsweringCore()
    core.outcome = outcome
    async with serving(edge_parts(core)) as edges:
        rest = (await edges.rest.post("/v1/products:search", json=QUERY)).json()
        message = await edges.search.Search(ParseDict(MESSAGE, search_pb2.SearchRequest()))
    wire = MessageToDict(message, preserving_proto_field_name=True)
    first, second = wire["hits"]
    assert rest.get("rerank") == (outcome and outcome.value)
    assert wire.get("rerank") == (outcome and f"RERANK_OUTCOME_{outcome.value}")
    for hits in ((first, second), rest["hits"]):
        # A probability of zero is one, and a hit that was not judged has none.
        assert hits[0].get("match_probability") == (None if outcome is None else 0.0)
        assert "match_probability" not in hits[1]


@dataclass
class Told(FixedLimit):
    """A limit that remembers how long searches took."""

    limit: int = 64
    took_s: list[float] = field(default_factory=list)

    def took(self, seconds: float) -> None:
        self.took_s.append(seconds)


async def test_the_time_of_a_second_stage_is_no_time_of_the_search_on_either_edge() -> None:
    core, told = AnsweringCore(), Told()
    parts = replace(edge_parts(core), admission=Admission(told))
    async with serving(parts) as edges:
        for core.second_stage_s in (0.0, 100.0):
            await edges.rest.post("/v1/products:search", json=QUERY)
            await edges.search.Search(ParseDict(MESSAGE, search_pb2.SearchRequest()))
    assert [seconds > 0 for seconds in told.took_s] == [True, True, False, False]


# --- over the real core -----------------------------------------------------------------------


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[RerankingShop]:
    with running_core(tmp_path) as core:
        async with reranking_shop(core) as shop:
            yield shop


async def test_the_first_hits_are_judged_and_the_rest_stays(shop: RerankingShop) -> None:
    plain, reranked = await shop.both(), await shop.both(rerank={"depth": 12})
    assert "rerank" not in plain
    assert reranked["rerank"] == "DONE"
    assert sorted(ids(reranked)[:12]) == sorted(ids(plain)[:12])
    assert ids(reranked)[12:] == ids(plain)[12:]
    assert [one is not None for one in probabilities(reranked)] == [n < 12 for n in range(29)]


async def test_pages_of_either_edge_agree_with_the_first(shop: RerankingShop) -> None:
    whole = await shop.both(rerank={"depth": 12})
    found: list[Any] = []
    token = ""
    while True:
        page = await shop.both(rerank={"depth": 12}, page_size=5, page_token=token)
        assert (page["rerank"], page["repeated"]) == ("DONE", False)
        found += page["hits"]
        if not (token := page["next_page_token"]):
            break
    assert found == whole["hits"]


async def test_a_picture_in_a_form_is_reranked(shop: RerankingShop) -> None:
    answer = await shop.edges.rest.post(
        "/v1/products:search",
        files={"image": ("coat.png", picture(1))},
        data={"modification": "in red", "rerank": '{"depth": 5}', "page_size": "6"},
    )
    assert answer.json()["rerank"] == "DONE"
    assert [one is not None for one in probabilities(answer.json())] == [True] * 5 + [False]


async def test_one_that_fails_or_is_late_leaves_an_answer(shop: RerankingShop) -> None:
    plain = await shop.both()
    shop.core.reranker.failure = DependencyUnavailable(dependency="triton")
    failed = await shop.both(rerank={})
    assert failed == {**plain, "rerank": "UNAVAILABLE", "degraded": True}
    shop.core.reranker.failure = DependencyTimeout(dependency="triton")
    late = await shop.both(rerank={})
    assert late == {**plain, "rerank": "OUT_OF_TIME"}


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    *(
        (
            f"a depth of {depth}",
            {**QUERY, "rerank": {"depth": depth}},
            {**MESSAGE, "rerank": {"depth": depth}},
            "RERANK_DEPTH_INVALID",
            "rerank.depth",
        )
        for depth in (-1, 101, 2**31 - 1)
    ),
    (
        "words alone",
        {"modification": "in red", "rerank": {}},
        {"modification": "in red", "rerank": {}},
        "RERANK_QUERY_INCOMPLETE",
        "rerank",
    ),
    (
        "a picture alone",
        {"reference": QUERY["reference"], "rerank": {}},
        {"reference": MESSAGE["reference"], "rerank": {}},
        "RERANK_QUERY_INCOMPLETE",
        "rerank",
    ),
    (
        "words without a letter",
        {**QUERY, "modification": "!!", "rerank": {}},
        {**MESSAGE, "modification": "!!", "rerank": {}},
        "RERANK_QUERY_INCOMPLETE",
        "rerank",
    ),
    (
        "diversity beside it",
        {**QUERY, "rerank": {}, "diversity": 0.3},
        {**MESSAGE, "rerank": {}, "diversity": 0.3},
        "RERANK_WITH_DIVERSITY",
        "rerank",
    ),
]


@pytest.mark.parametrize(
    ("body", "message", "reason", "field"),
    [case[1:] for case in REFUSED],
    ids=[c[0] for c in REFUSED],
)
async def test_what_cannot_be_reranked_is_refused_alike(
    shop: RerankingShop, body: dict[str, Any], message: dict[str, Any], reason: str, field: str
) -> None:
    told = await shop.refused(body, message)
    assert (told.status, told.reason, told.field) == ("INVALID_ARGUMENT", reason, field)
    assert shop.core.reranker.calls == []


@pytest.mark.parametrize("depth", [True, "25", 2.5, [], {}])
async def test_a_depth_that_is_no_whole_number_is_refused(shop: RerankingShop, depth: Any) -> None:
    told = rest_refusal(await shop.ask(rerank={"depth": depth}))
    assert (told.reason, told.field) == ("RERANK_DEPTH_INVALID", "rerank.depth")


@pytest.mark.parametrize(
    ("rerank", "reason"),
    [(True, "FIELD_INVALID"), ([], "FIELD_INVALID"), ({"deep": 3}, "FIELD_UNKNOWN")],
)
async def test_what_is_no_rerank_is_refused(shop: RerankingShop, rerank: Any, reason: str) -> None:
    told = rest_refusal(await shop.ask(rerank=rerank))
    assert (told.reason, told.field) == (reason, "rerank")


async def test_a_model_without_a_second_stage_refuses_alike(tmp_path: Path) -> None:
    with running_core(tmp_path, second_stage=False) as core:
        async with reranking_shop(core) as shop:
            told = await shop.refused({**QUERY, "rerank": {}}, {**MESSAGE, "rerank": {}})
    assert (told.status, told.reason, told.field) == (
        "INVALID_ARGUMENT", "RERANK_NOT_SERVED", "rerank"
    )  # fmt: skip
