"""The benchmarks' section about load: kinds of searches, what is found of C, rows and picture."""

import random
from pathlib import Path

import grpc
import pytest

from recompose.v1 import search_pb2, search_pb2_grpc
from tests.benchmarks.harness.rows import complete
from tests.benchmarks.harness.section import Room, Shared
from tests.benchmarks.load.edges import GrpcEdge
from tests.benchmarks.load.filters import ValueFilter, near
from tests.benchmarks.load.levels import Part, Plan, carry_out, guessed_per_s
from tests.benchmarks.load.plan import NothingAnswered
from tests.benchmarks.load.questions import KINDS, Question, Questions
from tests.benchmarks.load.samples import Sample
from tests.benchmarks.load.schedule import arrivals
from tests.benchmarks.sections import load

FILTERS = [ValueFilter("color", "red", 0.1)]
PLAN = Plan(
    callers=4,
    guess_s=0.1,
    step_s=10,
    levels=tuple((times, 10) for times, _ in load.SHORT.levels),
    rounds=2,
)


def five_kinds(seed: int = 0, repeated: float = 0.2) -> Questions:
    return Questions(
        ["p-1"], [b"picture"], filters=FILTERS, mix=load.MIX, repeated=repeated, seed=seed
    )


def test_a_filter_lets_about_a_tenth_pass() -> None:
    color = {"red": 11, "blue": 9, "green": 50, "black": 30}
    facets = [
        {"field": "color", "values": [{"value": v, "count": n} for v, n in color.items()]},
        {"field": "hood", "values": [{"value": True, "count": 10}]},
        {"field": "price", "values": [], "range": {"min": 1, "max": 2}},
    ]
    assert [(each.value, each.share) for each in near(facets)] == [("red", 0.11), ("blue", 0.09)]
    assert [each.value for each in near(facets, share=0.99)] == ["green"]
    assert near(facets[1:]) == []


def test_a_filter_is_the_same_on_both_edges() -> None:
    message = search_pb2.SearchRequest()
    FILTERS[0].write_to(message.filter)
    assert FILTERS[0].as_json() == {"field": "color", "any_of": ["red"]}
    assert message.filter.match.field == "color"
    assert [value.string_value for value in message.filter.match.any_of] == ["red"]


def test_without_a_filter_there_are_no_filtered_searches() -> None:
    with pytest.raises(ValueError, match="no attribute"):
        Questions(["p-1"], [b"picture"], mix=load.MIX)


def test_a_second_page_goes_on_with_a_search_that_was_answered() -> None:
    questions = five_kinds()
    firsts = [questions.next() for _ in range(50)]
    assert {first.kind for first in firsts} == set(KINDS) - {"paged"}
    told = {}
    for number, first in enumerate(firsts[:10]):
        if first.next_page:
            first.next_page(f"page-{number}")
            told[f"page-{number}"] = first
    pages = [each for each in (questions.next() for _ in range(200)) if each.kind == "paged"]
    assert [page.message.page_token for page in pages] == list(told)
    for page in pages:
        first = told[page.message.page_token]
        assert page.body == {**first.body, "page_token": page.message.page_token}
        assert page.message.modification == first.message.modification
        assert page.message.filter == first.message.filter
        assert not first.message.page_token


def test_kinds_come_in_the_shares_of_the_mix() -> None:
    questions = five_kinds(repeated=0)
    kinds = []
    for _ in range(4000):
        asked = questions.next()
        kinds.append(asked.kind)
        if asked.next_page:
            asked.next_page("more")
    for kind, share in load.MIX.items():
        assert kinds.count(kind) / len(kinds) == pytest.approx(share, abs=0.03)


class Answers(search_pb2_grpc.SearchServiceServicer):
    """Says that there is another page, unless it is asked for one."""

    async def Search(  # noqa: N802 - the name of the call
        self, request: search_pb2.SearchRequest, context: object
    ) -> search_pb2.SearchResponse:
        return search_pb2.SearchResponse(next_page_token="" if request.page_token else "more")


async def test_grpc_tells_of_the_next_page() -> None:
    server = grpc.aio.server()
    search_pb2_grpc.add_SearchServiceServicer_to_server(Answers(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    edge = GrpcEdge([f"127.0.0.1:{port}"])
    told: list[str] = []
    try:
        for page in ("", "more"):
            message = search_pb2.SearchRequest(modification="a red dress", page_token=page)
            asked = Question("text", {}, message, next_page=told.append)
            assert await edge.ask(asked, 30) == ("answered", "")
    finally:
        await edge.close()
        await server.stop(None)
    assert told == ["more"]


class Limited:
    """Answers ``most`` a second in 50 ms, slower with more load, and refuses the rest in 5."""

    def __init__(self, most: float) -> None:
        self._most, self._random = most, random.Random(0)

    async def offer(self, rate: float, seconds: int) -> Part:
        samples = [self._sample(due, rate) for due in arrivals("poisson", rate, seconds, seed=0)]
        return Part(rate, seconds, PLAN.deadline_s, samples)

    def _sample(self, due: float, rate: float) -> Sample:
        kind = self._random.choice(KINDS)
        if self._random.random() < self._most / rate:
            took_s = 0.05 * max(1.0, rate / self._most) * self._random.uniform(0.8, 1.2)
            return Sample(due, due + took_s, 0.0, "rest", kind, "answered")
        return Sample(due, due + 0.005, 0.0, "rest", kind, "refused", "429 OVERLOADED")


async def test_steps_go_on_until_answers_grow_no_more() -> None:
    said: list[str] = []
    found = await carry_out(Limited(60).offer, 20.0, PLAN, said.append)
    assert found.capacity_per_s == pytest.approx(60, rel=0.1)
    assert [part.rate for part in found.peaks] == [found.peaks[0].rate] * 3
    assert [len(level.parts) for level in found.levels] == [2] * len(PLAN.levels)
    assert found.level(2.0).parts[0].rate == pytest.approx(120, rel=0.1)
    asked = [text.split(" C")[0] for text in said if " C, " in text]
    assert asked == [*(up := [f"{times:g}" for times, _ in PLAN.levels]), *reversed(up)]


async def test_goodput_is_what_came_in_time_while_load_was_offered() -> None:
    samples = [
        Sample(0, 0.5, 0, "rest", "text", "answered"),
        Sample(0, 1.5, 0, "rest", "picture", "answered"),
        Sample(1.9, 2.1, 0, "rest", "text", "answered"),
        Sample(0, 0.5, 0, "rest", "text", "refused"),
    ]
    part = Part(2.0, 2, 1.0, samples)
    assert (part.goodput_per_s(), part.goodput_per_s("picture")) == (0.5, 0)


async def test_without_any_answer_nothing_is_found() -> None:
    with pytest.raises(NothingAnswered):
        await carry_out(Limited(0).offer, 5.0, PLAN, print)


class Refusing:
    """A service that refuses everybody."""

    name = "fake"

    async def ask(self, question: Question, deadline_s: float) -> tuple[str, str]:
        return "refused", "429"

    async def close(self) -> None:
        pass


async def test_a_guess_ends_where_nobody_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.benchmarks.load.levels._ATTEMPTS", 3)
    with pytest.raises(NothingAnswered):
        await guessed_per_s([Refusing()], five_kinds().next, PLAN)


async def test_what_was_found_becomes_rows_a_table_and_a_picture(tmp_path: Path) -> None:
    found = await carry_out(Limited(60).offer, 40.0, PLAN, print)
    specs = {spec.name: spec for spec in load.SPECS}
    room = Room(False, tmp_path, tmp_path, Shared(tmp_path), specs)
    load.tell(room, found, FILTERS)
    rows = complete(load.SPECS, room.rows, lambda spec: "")
    assert all(row.value for row in rows)
    assert all(row.met for row in rows if row.spec.target)
    assert room.rows["load/capacity"].value == pytest.approx(60, rel=0.1)
    assert room.rows["load/paged"].value == pytest.approx(1, rel=0.1)
    (table,) = room.tables
    assert len(table.lines) == len(PLAN.levels) * (1 + len(KINDS))
    assert all(len(line) == len(table.head) for line in table.lines)
    assert (tmp_path / "load-latency.png").stat().st_size > 20_000
