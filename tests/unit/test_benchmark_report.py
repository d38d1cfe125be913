"""The benchmarks' report tells what was measured, what was missed, and what was not measured."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import SECTIONS
from tests.benchmarks.harness import report
from tests.benchmarks.harness.pictures import drawn
from tests.benchmarks.harness.rows import Spec, at_least, at_most, complete, measured
from tests.benchmarks.harness.section import Picture, Table
from tests.benchmarks.harness.timing import Timings, alternating, alternating_async, ratio

FAST = Spec("part/fast", "how fast", target=at_most(1.3), if_missed="It waits for its turn")
MANY = Spec("part/many", "how many", "products", at_least(0.9))
LONG = Spec("part/long", "what takes hours", form="full")


@pytest.mark.parametrize(
    ("spec", "value", "met"),
    [(FAST, 1.3, True), (FAST, 1.31, False), (MANY, 0.9, True), (MANY, 0.89, False)],
)
def test_a_target_includes_its_bound(spec: Spec, value: float, met: bool) -> None:
    assert measured(spec, value, "seen").met is met


def test_a_row_that_misses_says_why() -> None:
    assert measured(FAST, 2, "2 s against 1 s").note == "2 s against 1 s. It waits for its turn"
    assert measured(FAST, 1, "1 s against 1 s").note == "1 s against 1 s"


@pytest.mark.parametrize(("value", "note"), [(float("nan"), "seen"), (1.0, " ")])
def test_no_row_without_a_number_or_without_what_it_was_made_of(value: float, note: str) -> None:
    with pytest.raises(ValueError, match="part/fast"):
        measured(FAST, value, note)


def test_what_was_not_measured_is_listed_with_the_reason() -> None:
    rows = complete([FAST, LONG], {FAST.name: measured(FAST, 1, "seen")}, lambda spec: "too long")
    assert [(row.value, row.met, row.note) for row in rows] == [
        (1.0, True, "seen"),
        (None, None, "too long"),
    ]


def test_a_row_that_was_not_announced_is_refused() -> None:
    with pytest.raises(ValueError, match="part/many"):
        complete([FAST], {MANY.name: measured(MANY, 1, "seen")}, lambda spec: "")


def test_variants_are_run_in_turn_and_the_first_changes() -> None:
    ran: list[str] = []
    timings = alternating(
        {"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, rounds=3, warm_up=1
    )
    assert "".join(ran) == "ba" + "ab" + "ba" + "ab"
    assert {name: len(each.seconds) for name, each in timings.items()} == {"a": 3, "b": 3}


async def test_what_is_awaited_is_timed_alike() -> None:
    ran: list[str] = []

    async def call() -> None:
        ran.append("a")

    timings = await alternating_async({"a": call}, rounds=2, warm_up=1)
    assert (len(timings["a"].seconds), len(ran)) == (2, 3)


def test_times_are_told_in_milliseconds_or_seconds() -> None:
    assert str(Timings((0.01, 0.0123, 0.0201))) == "12.3 ms (11.2 to 16.2)"
    assert str(Timings((9.0, 18.3, 20.0))) == "18.3 s (13.7 to 19.1)"


def test_a_ratio_is_that_of_medians_and_its_spread_that_of_rounds() -> None:
    compared = ratio(Timings((2.0, 4.0, 30.0)), Timings((1.0, 2.0, 3.0)))
    assert compared.value == 2
    assert (compared.low, compared.high) == (2.0, 6.0)


def test_the_page_and_the_json_hold_what_the_sections_came_to(tmp_path: Path) -> None:
    drawn(tmp_path / "part-curve.png", lambda axes: axes.plot([1, 2], [3, 4]))
    section = report.Measured(
        name="part",
        title="A part",
        about="Compared with <nothing>.",
        rows=complete(
            [FAST, LONG], {FAST.name: measured(FAST, 2, "a | b")}, lambda spec: "too long"
        ),
        tables=[Table("Growth", ("products", "ms"), [(1000, 2.5)])],
        pictures=[Picture("part-curve.png", "How it grows")],
        seconds=1.0,
        broke="OSError: no disk",
    )
    told = json.loads(report.as_json([section]))["rows"]
    assert told == [
        {"name": "part/fast", "value": 2.0, "unit": "ratio", "target": "at most 1.3",
         "met": False, "note": "a | b. It waits for its turn"},
        {"name": "part/long", "value": None, "unit": "ratio", "target": "", "met": None,
         "note": "too long"},
    ]  # fmt: skip
    text = report.as_markdown([section], "bench")
    page = report.as_html(text, tmp_path)
    for words in ("0 of 1 judged rows", "**no**", "not measured", "OSError: no disk", "1000"):
        assert words in text
    assert 'src="data:image/png;base64,' in page
    assert page.count("<tr>") == 8
    assert "<nothing>" not in page


def test_large_values_are_written_out() -> None:
    def written(value: float) -> str:
        rows = complete([MANY], {MANY.name: measured(MANY, value, "seen")}, lambda spec: "")
        section = report.Measured("part", "A part", "About.", rows, [], [], 1.0)
        return report.as_markdown([section], "bench")

    assert "| 12,346 products |" in written(12345.6)
    assert "| 0.9877 products |" in written(0.98765)


def test_every_section_is_a_file_and_every_file_a_section() -> None:
    folder = Path(__file__).parents[1] / "benchmarks" / "sections"
    assert {path.stem for path in folder.glob("*.py")} == set(SECTIONS)
