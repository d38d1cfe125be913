"""Every question gets captions, a reason, or stays open; none is lost."""

import asyncio
from collections.abc import Sequence

import pytest

from catalog.caption.asking import Outcome, ask_all
from catalog.caption.port import CaptionerError, CaptionerUnavailable, Question
from catalog.caption.tokens import TokenCounter
from catalog.errors import CatalogError
from catalog.pairs import Pair, PairKind
from catalog.products import Product


class Scripted:
    """A captioner whose answers are given by number of the target."""

    name = "scripted:v1"

    def __init__(self, script: dict[int, list[tuple[str, str] | Exception]]) -> None:
        self.script = script
        self.asked: list[tuple[int, str]] = []

    async def captions(self, question: Question) -> tuple[str, str]:
        number = int(question.pair.target)
        self.asked.append((number, question.complaint))
        answer = self.script[number].pop(0) if number in self.script else ("is red", "has buttons")
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def questions(count: int) -> list[Question]:
    product = Product("product-1")
    return [
        Question(
            Pair(PairKind.PRODUCT, "coat", "r", str(number), "product-1", "product-1"),
            product,
            product,
        )
        for number in range(count)
    ]


def ask(
    captioner: Scripted,
    asked: Sequence[Question],
    workers: int = 3,
    stopping: asyncio.Event | None = None,
    kept: int = 0,
) -> Outcome:
    return asyncio.run(
        ask_all(
            asked,
            captioner,
            TokenCounter(),
            workers=workers,
            stopping=stopping or asyncio.Event(),
            kept=lambda question: int(question.pair.target) < kept,
        )
    )


def test_captions_come_in_order_and_clean() -> None:
    outcome = ask(Scripted({2: [("Is blue.", '"Has a hood"')]}), questions(20))
    assert [one.pair.target for one in outcome.captioned] == list(map(str, range(20)))
    assert outcome.captioned[2].captions == ("is blue", "has a hood")
    assert {one.captioner for one in outcome.captioned} == {"scripted:v1"}
    assert (outcome.set_aside, outcome.still_open) == ([], 0)


def test_the_complaint_says_what_was_wrong() -> None:
    script: dict[int, list[tuple[str, str] | Exception]] = {
        0: [("is the same", "is red"), ("is blue", "is red")],
        1: [CaptionerError("ODD", "It is odd.", "Be even."), ("is blue", "is red")],
    }
    captioner = Scripted(script)
    outcome = ask(captioner, questions(2), workers=1)
    assert len(outcome.captioned) == 2
    assert captioner.asked == [
        (0, ""),
        (0, "Caption 1 does not say what is different."),
        (1, ""),
        (1, "Be even."),
    ]


def test_what_is_refused_without_a_complaint_is_not_asked_again() -> None:
    captioner = Scripted({1: [CaptionerError("NOTHING_TO_SAY", "Nothing is known.")]})
    outcome = ask(captioner, questions(3))
    (aside,) = outcome.set_aside
    assert (aside.pair.target, aside.reason) == ("1", "NOTHING_TO_SAY")
    assert aside.message == "Nothing is known."
    assert len(captioner.asked) == 3


def test_a_pair_that_got_no_answer_is_open() -> None:
    outcome = ask(Scripted({1: [CaptionerUnavailable("AWAY", "it is away")]}), questions(3))
    assert (len(outcome.captioned), outcome.still_open) == (2, 1)
    assert outcome.why_open == "it is away"


def test_a_captioner_that_is_away_is_not_asked_for_long() -> None:
    captioner = Scripted({n: [CaptionerUnavailable("AWAY", "it is away")] for n in range(5, 500)})
    outcome = ask(captioner, questions(500))
    assert (len(outcome.captioned), outcome.still_open) == (5, 495)
    assert len(captioner.asked) < 20


def test_one_answer_among_failures_goes_on() -> None:
    away = {n: [CaptionerUnavailable("AWAY", "it is away")] for n in range(100) if n % 5}
    outcome = ask(Scripted(away), questions(100), workers=1)
    assert (len(outcome.captioned), outcome.still_open) == (20, 80)


@pytest.mark.parametrize("end", [CatalogError("no key"), OSError(28, "full")])
def test_what_ends_the_run_keeps_what_is_done(end: Exception) -> None:
    captioner = Scripted({3: [end]})
    outcome = ask(captioner, questions(100), workers=2)
    assert outcome.ended is end
    assert len(outcome.captioned) + outcome.still_open == 100
    assert 3 <= len(outcome.captioned) <= 5


def test_a_stop_still_takes_what_costs_nothing() -> None:
    stopping = asyncio.Event()
    stopping.set()
    captioner = Scripted({})
    outcome = ask(captioner, questions(10), stopping=stopping, kept=4)
    assert [one.pair.target for one in outcome.captioned] == ["0", "1", "2", "3"]
    assert outcome.still_open == 6
    assert len(captioner.asked) == 4


def test_no_questions() -> None:
    assert ask(Scripted({}), []) == Outcome()
