"""A captioner asked about every pair, by some at a time; what is no use is asked again once."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from catalog.caption.cleaner import clean, find_fault
from catalog.caption.port import (
    STOPPED,
    Captioner,
    CaptionerError,
    CaptionerUnavailable,
    Question,
)
from catalog.caption.results import SetAside
from catalog.caption.tokens import TokenCounter
from catalog.errors import CatalogError
from catalog.pairs import Captioned

_SILENCES: Final = 10
"""Pairs in a row without an answer after which no more are asked: the server is away."""


@dataclass
class Outcome:
    """What became of the questions."""

    captioned: list[Captioned] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    still_open: int = 0
    """Pairs that got no answer and are asked in the next run."""
    why_open: str = ""
    """Why the last of them, but for a stop, got none."""
    ended: CatalogError | OSError | None = None
    """What ended the run before all were asked."""


async def ask_all(
    questions: Sequence[Question],
    captioner: Captioner,
    counter: TokenCounter,
    *,
    workers: int,
    stopping: asyncio.Event,
    kept: Callable[[Question], bool] = lambda question: False,
    done: Callable[[], None] = lambda: None,
) -> Outcome:
    """Captions for every question, in the questions' order.

    When `stopping` is set, or what ends the run happens, those that were sent are waited for, since
    they are paid for, and no new one is begun but those that are `kept` from an earlier run.
    `done` is called after each question.
    """
    asking = _Asking(captioner, counter, stopping, kept, done)
    waiting = iter(enumerate(questions))
    async with asyncio.TaskGroup() as group:
        for _ in range(min(workers, len(questions))):
            group.create_task(asking.work(waiting))
    return asking.outcome(len(questions))


class _Asking:
    def __init__(
        self,
        captioner: Captioner,
        counter: TokenCounter,
        stopping: asyncio.Event,
        kept: Callable[[Question], bool],
        done: Callable[[], None],
    ) -> None:
        self._captioner = captioner
        self._counter = counter
        self._stopping = stopping
        self._kept = kept
        self._done = done
        self._results: dict[int, Captioned | SetAside] = {}
        self._silences = 0
        self._why_open = ""
        self._ended: CatalogError | OSError | None = None

    async def work(self, waiting: Iterator[tuple[int, Question]]) -> None:
        for number, question in waiting:
            if not self._stopping.is_set() or self._kept(question):
                await self._take(number, question)
                self._done()
                # A captioner that never waits would keep a signal from being seen.
                await asyncio.sleep(0)

    def outcome(self, asked: int) -> Outcome:
        results = [self._results[number] for number in sorted(self._results)]
        return Outcome(
            captioned=[result for result in results if isinstance(result, Captioned)],
            set_aside=[result for result in results if isinstance(result, SetAside)],
            still_open=asked - len(results),
            why_open=self._why_open,
            ended=self._ended,
        )

    async def _take(self, number: int, question: Question) -> None:
        try:
            self._results[number] = await self._ask(question)
            self._silences = 0
        except CaptionerUnavailable as error:
            if error.reason != STOPPED:
                self._why_open = error.message
                self._silences += 1
            if self._silences >= _SILENCES:
                self._stopping.set()
        except (CatalogError, OSError) as error:
            self._ended = self._ended or error
            self._stopping.set()

    async def _ask(self, question: Question) -> Captioned | SetAside:
        reason = message = ""
        for _ in range(2):
            try:
                first, second = await self._captioner.captions(question)
            except CaptionerUnavailable:
                raise
            except CaptionerError as error:
                reason, message, complaint = error.reason, error.message, error.complaint
            else:
                captions = (clean(first), clean(second))
                fault = find_fault(captions, question, self._counter)
                if fault is None:
                    return Captioned(question.pair, captions, self._captioner.name)
                reason, message, complaint = fault.reason, fault.message, fault.message
            if not complaint:
                break
            question = replace(question, complaint=complaint)
        return SetAside(question.pair, reason, message, self._captioner.name)
