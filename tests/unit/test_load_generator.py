"""The load generator: its schedule, what it counts, whom it blames, and its report."""

import asyncio
import base64
import io
import json
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from PIL import Image

from tests.benchmarks.load import report
from tests.benchmarks.load.drive import drive
from tests.benchmarks.load.edges import RestEdge, Told
from tests.benchmarks.load.large import BODY_BYTES, PICTURE_BYTES, LargeQuestions
from tests.benchmarks.load.plan import (
    LARGE,
    NothingAnswered,
    Options,
    Phase,
    Stage,
    carry_out,
    offering,
)
from tests.benchmarks.load.publish import publish
from tests.benchmarks.load.questions import Question, Questions, question
from tests.benchmarks.load.samples import Sample, percentiles, recovered_after_s, summarise
from tests.benchmarks.load.schedule import arrivals
from tests.benchmarks.load.verdicts import Verdict, verdicts
from tests.benchmarks.load.watch import GatewayWatch, Held, lag_bound_ms
from tests.support.triton import free_ports

ASKED = question("text", {}, "a red dress", 1)


class OneAtATime:
    """A service that answers one request after the other, and stalls once."""

    name = "fake"

    def __init__(self, stall_s: float) -> None:
        self._stall_s, self._turn = stall_s, asyncio.Lock()

    async def ask(self, question: Question, deadline_s: float) -> Told:
        async with self._turn:
            await asyncio.sleep(self._stall_s)
            self._stall_s = 0.0
        return "answered", ""

    async def close(self) -> None:
        pass


def test_a_poisson_schedule_is_seeded_and_has_its_rate() -> None:
    due = arrivals("poisson", 50, 100, seed=3)
    assert due == arrivals("poisson", 50, 100, seed=3) == sorted(due)
    assert due != arrivals("poisson", 50, 100, seed=4)
    assert len(due) == pytest.approx(5000, rel=0.1)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    # Gaps of a Poisson process are exponential: a share of 1/e is longer than the mean.
    assert sum(gap > 1 / 50 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.03)


def test_a_constant_schedule_has_even_gaps() -> None:
    assert arrivals("constant", 4, 1, seed=0) == [0, 0.25, 0.5, 0.75]


async def test_a_stall_counts_for_every_request_that_was_due_meanwhile() -> None:
    due = arrivals("constant", 50, 0.5, seed=0)
    samples = await drive(due, [OneAtATime(0.5)], lambda: ASKED, deadline_s=30)
    assert len(samples) == 25
    # A closed loop would have seen one slow request; here each waited for what was left of it.
    assert all(sample.ended_s >= 0.5 for sample in samples)
    summary = summarise(samples, 0.5, deadline_s=30)
    assert summary.answered_ms["p50"] >= 250


async def test_those_who_give_up_are_neither_answered_nor_failed() -> None:
    samples = await drive(
        [0.0] * 200,
        [OneAtATime(30)],
        lambda: ASKED,
        deadline_s=60,
        cancelled=0.999,
        cancel_within_s=0.01,
    )
    given_up = [sample for sample in samples if sample.outcome == "cancelled"]
    assert len(given_up) == len(samples)
    assert summarise(samples, 1, deadline_s=1).offered_per_s == 0


def test_percentiles_are_values_that_were_seen() -> None:
    found = percentiles([number / 1000 for number in range(1, 1001)])
    assert found == {"p50": 501, "p90": 901, "p95": 951, "p99": 991, "p99.9": 1000, "max": 1000}
    assert percentiles([]) == {}


def test_goodput_counts_only_what_was_answered_in_time() -> None:
    samples = [
        Sample(0, 0.1, 0, "rest", "text", "answered"),
        Sample(0, 2.5, 0, "rest", "text", "answered"),
        Sample(0, 0.01, 0, "grpc", "text", "refused", "RESOURCE_EXHAUSTED OVERLOADED"),
    ]
    summary = summarise(samples, 1, deadline_s=2)
    assert (summary.offered_per_s, summary.goodput_per_s) == (3, 1)
    assert summary.reasons == {"RESOURCE_EXHAUSTED OVERLOADED": 1}
    assert summary.refused_ms["max"] == 10


def test_recovery_is_the_end_of_the_first_two_good_seconds() -> None:
    assert recovered_after_s([0, 3, 9, 10, 10], 9.5) == 4
    assert recovered_after_s([0, 3, 3], 9.5) is None


def test_lag_is_bounded_by_the_histogram_between_two_looks() -> None:
    def look(up_to_10_ms: float, all_of_them: float) -> Held:
        lag = {0.01: up_to_10_ms, 0.05: all_of_them, float("inf"): all_of_them}
        return Held(0, 0, 0, 0, 0, 0, 0, lag)

    assert lag_bound_ms([look(0, 10), look(99, 110)], 0.99) == 10
    assert lag_bound_ms([look(0, 10), look(98, 110)], 0.99) == 50
    assert lag_bound_ms([look(1, 1), look(1, 1)], 0.99) is None


def test_questions_are_seeded_new_and_of_the_mix() -> None:
    def drawn(seed: int) -> list[Question]:
        questions = Questions(["p-1"], [b"picture"], repeated=0, seed=seed)
        return [questions.next() for _ in range(500)]

    first = drawn(1)
    assert first == drawn(1)
    words = [question.message.modification for question in first if question.kind != "picture"]
    assert len(set(words)) == len(words)
    assert sum(question.kind == "composed" for question in first) == pytest.approx(300, abs=60)


class Limited:
    """Offers to a service that answers ``most`` a second in 50 ms and refuses the rest in 5."""

    def __init__(self, most: float) -> None:
        self._most, self._random = most, random.Random(0)

    async def __call__(self, stages: Sequence[Stage]) -> list[Phase]:
        return [self._phase(stage.name, stage.rate) for stage in stages]

    def _phase(self, name: str, rate: float) -> Phase:
        samples = [
            Sample(s, s + 0.05, 0, "rest", "text", "answered")
            if self._random.random() < self._most / rate
            else Sample(s, s + 0.005, 0, "rest", "text", "refused", "429 OVERLOADED")
            for s in arrivals("constant", rate, 20, seed=0)
        ]
        good = min(rate, self._most)
        held = [Held(float(s), 1 << 27, 20, 9, 12, 1, 0.0, {}) for s in range(20)]
        return Phase(name, rate, 20, summarise(samples, 20, 1), [good] * 20, 10.0, held)


async def test_the_plan_finds_the_peak_and_the_report_tells_of_it() -> None:
    how = Options(seconds=20, deadline_s=1)
    found = await carry_out(Limited(60), how, lambda phase: None)
    assert found.peak_per_s == pytest.approx(60, rel=0.1)
    assert [phase.name for phase in found.phases[-6:]] == [
        "0.7 C", LARGE, "2 C", "after 2 C", "4 C", "after 4 C",
    ]  # fmt: skip
    judged = verdicts(found, how.deadline_s)
    assert len(judged) == 13
    assert all(verdict.held for verdict in judged), judged
    page = report.as_html(found, judged, {"mix": "<b>"})
    assert page.count("<svg") == 7
    assert "<b>," not in page
    assert "429 OVERLOADED" in page
    told = json.loads(json.dumps(report.as_json(found, judged, {})))
    assert len(told["phases"]) == len(found.phases)


async def test_the_published_page_has_every_expectation_and_phase(tmp_path: Path) -> None:
    how = Options(seconds=20, deadline_s=1)
    found = await carry_out(Limited(60), how, lambda phase: None)
    judged = [*verdicts(found, how.deadline_s), Verdict("more", "less", False)]
    page, picture = publish(tmp_path / "new", found, judged, {"processors": 2})
    text = page.read_text()
    for verdict in judged:
        word = "held" if verdict.held else "**missed**"
        assert f"| {verdict.expected} | {verdict.measured} | {word} |" in text
    assert [text.count(f"\n| {phase.name} | ") > 0 for phase in found.phases] == [
        True for _ in found.phases
    ]
    assert "Measured on 2 cores" in text
    root = ElementTree.fromstring(picture.read_text())  # noqa: S314 - our own
    drawn = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(drawn) == 2 + 3 + 1 + 1


async def test_large_uploads_come_beside_ordinary_searches_at_their_own_rate() -> None:
    ordinary, large = ASKED, replace(ASKED, kind="large")
    asked: list[str] = []

    class Noting(OneAtATime):
        async def ask(self, question: Question, deadline_s: float) -> Told:
            asked.append(question.kind)
            return "answered", ""

    async with httpx.AsyncClient(base_url="http://127.0.0.1:9") as nobody:
        offer = offering(
            [Noting(0)],
            lambda: ordinary,
            lambda: large,
            GatewayWatch(nobody, os.getpid()),
            Options(seconds=0.5, deadline_s=1, arrivals="constant"),
        )
        with_large, without = await offer([Stage("a", 100, large_per_s=20), Stage("b", 60)])
    assert (with_large.rate, with_large.summary.outcomes) == (100, {"answered": 60})
    assert (without.rate, without.summary.outcomes) == (60, {"answered": 30})
    assert asked.count("large") == 10
    assert "large" in asked[:4] and "large" not in asked[-30:]  # noqa: PT018
    assert set(with_large.summary.answered_by_kind_ms) == {"text", "large"}


def test_large_uploads_are_as_large_as_they_may_be_and_new_each_time() -> None:
    drawn = LargeQuestions(seed=1)
    questions = [drawn.next() for _ in range(4)]
    kinds = [question.kind for question in questions]
    assert kinds == ["10 MiB of JSON", "16 megapixels"] * 2
    contents = [question.message.reference.image.content for question in questions]
    assert len(set(contents)) == 4
    for drawn_one, content in zip(questions, contents, strict=True):
        body = json.loads(drawn_one.encoded)
        assert base64.b64decode(body["reference"]["image"]["content"]) == content
        assert len(content) <= PICTURE_BYTES
    assert 0.99 * BODY_BYTES < len(questions[0].encoded) <= BODY_BYTES
    with Image.open(io.BytesIO(contents[1])) as picture:
        assert picture.width * picture.height > 16_000_000


async def test_a_broken_expectation_is_told() -> None:
    how = Options(seconds=20, deadline_s=0.04, rates=[10, 20])
    found = await carry_out(Limited(60), Options(seconds=20, deadline_s=1, rates=[10, 20]), print)
    assert not found.peak_is_passed
    slow = [v for v in verdicts(found, how.deadline_s) if "refusal" in v.expected]
    assert [verdict.held for verdict in slow] == [None, False]


async def test_without_any_answer_there_is_no_peak() -> None:
    with pytest.raises(NothingAnswered):
        await carry_out(Limited(0), Options(seconds=20, deadline_s=1, rates=[5]), print)


@asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[str]:
    """A server that reads a request and sends these bytes; its address."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            writer.write(raw)
            if not raw:
                break
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ("answered", "")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", ("late", "NO_ANSWER")),
        (b"HTTP/1.1 429 Busy\r\nContent-Length: 2\r\n\r\n{}", ("refused", "429")),
        (b"HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", ("late", "504")),
        (b"HTTP/1.1 500 Bug\r\nContent-Length: 0\r\n\r\n", ("failed", "500")),
        (b"nonsense\r\n\r\n", ("failed", "CONNECTION_LOST")),
        (b"", ("failed", "CONNECTION_LOST")),
    ],
)
async def test_rest_says_what_became_of_a_request(raw: bytes, told: Told) -> None:
    deadline_s = 1.0 if told[0] == "late" else 30.0
    async with answering(raw) as address:
        edge = RestEdge([address])
        assert await edge.ask(ASKED, deadline_s) == told
        assert await edge.ask(ASKED, deadline_s) == told  # perhaps on the same connection
        await edge.close()


async def test_rest_tells_of_the_next_page() -> None:
    after = "more"
    content = json.dumps({"hits": [], "next_page_token": after}).encode()
    told: list[str] = []
    async with answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
    ) as address:
        edge = RestEdge([address])
        asked = replace(ASKED, next_page=told.append)
        assert await edge.ask(asked, 30) == ("answered", "")
        await edge.close()
    assert told == [after]


async def test_rest_takes_the_next_address_where_a_connection_is_refused() -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as address:
        edge = RestEdge([nobody, address])
        asked = await asyncio.gather(*(edge.ask(ASKED, 30) for _ in range(8)))
        assert set(asked) == {("answered", "")}
        await edge.close()
    alone = RestEdge([nobody])
    assert await alone.ask(ASKED, 30) == ("failed", "CONNECTION_REFUSED")
