"""Readiness says what was really probed, and why not."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.readiness import CATALOG_MISSING, DRAINING, NOT_STARTED, Readiness, pause_s
from gateway.space import EmbeddingSpace
from gateway.telemetry import Metrics
from retrieval.domain import Deadline
from retrieval.errors import DependencyExhausted, DependencyUnavailable
from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from tests.support.core import FIELDS, VOCABULARY
from tests.support.fake_encoder import BUNDLE, FakeEncoder
from tests.support.fake_index import FakeIndex
from tests.support.fake_models import one_space


class Watched:
    """A readiness over fakes, probing every few milliseconds."""

    def __init__(self, ready_file: Path | None = None) -> None:
        self.encoder, self.index = FakeEncoder(), FakeIndex(FIELDS)
        self.preparations = 0
        tokenizer = Tokenizer(bert_tokenizer(VOCABULARY), max_tokens=8)
        space = EmbeddingSpace(BUNDLE, tokenizer, self.encoder, self.index, self.index, self.index)
        self.readiness = Readiness(
            one_space(space, self.index),
            self._prepare,
            Metrics(),
            ready_file=ready_file,
            interval_s=0.005,
            probe_budget_s=1,
        )

    async def _prepare(self, deadline: Deadline) -> None:
        self.preparations += 1
        if self.preparations == 1:
            raise DependencyUnavailable(dependency="qdrant")

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.readiness.watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110 - what is polled has no event
                await asyncio.sleep(0.002)


async def test_it_is_ready_once_the_index_is_prepared_and_both_parts_answer() -> None:
    watched = Watched()
    assert watched.readiness.ready() == (False, NOT_STARTED)
    async with watched.watching():
        await watched.until(lambda: watched.readiness.ready() == (True, ""))
    assert watched.preparations == 2  # tried again after it failed, and never after it succeeded


async def test_it_names_the_part_that_fails_and_recovers() -> None:
    watched = Watched()
    async with watched.watching():
        await watched.until(lambda: watched.readiness.ready()[0])
        watched.encoder.failure = DependencyUnavailable(dependency="triton")
        await watched.until(lambda: not watched.readiness.ready()[0])
        assert watched.readiness.ready()[1].startswith("triton")
        assert watched.readiness.encoder_down
        watched.encoder.failure = None
        await watched.until(lambda: watched.readiness.ready()[0])
        assert not watched.readiness.encoder_down


async def test_without_the_encoder_answers_are_poorer_whatever_else_fails() -> None:
    watched = Watched()
    async with watched.watching():
        watched.encoder.failure = DependencyUnavailable(dependency="triton")
        await watched.until(lambda: watched.readiness.encoder_down)
        watched.index.live = False  # the next probes end before an inference
        await watched.until(lambda: "another model" in watched.readiness.ready()[1])
        assert watched.readiness.encoder_down
        watched.index.live = True
        watched.encoder.failure = None
        await watched.until(lambda: watched.readiness.ready()[0])
        assert not watched.readiness.encoder_down


async def test_an_index_of_another_model_is_never_ready() -> None:
    watched = Watched()
    watched.index.live = False
    async with watched.watching():
        await watched.until(lambda: "another model" in watched.readiness.ready()[1])
        await asyncio.sleep(0.02)
        assert not watched.readiness.ready()[0]


async def test_a_busy_encoder_is_not_down() -> None:
    watched = Watched()
    async with watched.watching():
        await watched.until(lambda: watched.readiness.ready()[0])
        watched.encoder.failure = DependencyExhausted(dependency="triton")
        await asyncio.sleep(0.05)
        assert watched.readiness.ready() == (True, "")


async def test_it_waits_for_the_catalog(tmp_path: Path) -> None:
    watched = Watched(ready_file=tmp_path / "ready")
    async with watched.watching():
        await watched.until(lambda: watched.readiness.ready() == (False, CATALOG_MISSING))
        (tmp_path / "ready").touch()
        await watched.until(lambda: watched.readiness.ready()[0])


async def test_draining_is_final() -> None:
    watched = Watched()
    async with watched.watching():
        await watched.until(lambda: watched.readiness.ready()[0])
        watched.readiness.drain()
        await asyncio.sleep(0.02)
        assert watched.readiness.ready() == (False, DRAINING)


def test_a_costly_probe_is_made_less_often() -> None:
    assert pause_s(2.0, 0.03) == 2.0
    assert pause_s(2.0, 1.5) == 6.0
    assert pause_s(2.0, 4.0) == 10.0
    assert pause_s(30.0, 4.0) == 30.0


async def test_a_slow_encoder_has_most_of_its_time_for_others() -> None:
    watched = Watched()
    ended: list[float] = []

    async def slow(deadline: Deadline) -> None:
        await asyncio.sleep(0.02)
        ended.append(time.monotonic())

    watched.encoder.check = slow  # type: ignore[method-assign]
    async with watched.watching():
        await watched.until(lambda: len(ended) == 4)
    assert ended[-1] - ended[0] >= 3 * 5 * 0.019
