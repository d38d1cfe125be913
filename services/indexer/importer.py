"""The import of one feed: read, send, write down what was answered."""

import asyncio
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from indexer import checkpoint as checkpoints
from indexer.batches import Batch, Fold, make_batches
from indexer.checkpoint import Checkpoint
from indexer.client import CatalogClient
from indexer.dead_letter import DeadLetters
from indexer.feed import Feed
from indexer.product import Mapper
from indexer.progress import Progress, say
from indexer.rows import Row, RowError
from recompose.v1 import catalog_pb2

_WITNESSES: Final = 32

Failure = tuple[Row, str, str]


class TooManyFailuresError(Exception):
    """More rows failed than the import may lose."""


@dataclass(frozen=True)
class Plan:
    """What is imported how, decided before the first call."""

    feed: Feed
    mapper: Mapper
    catalog: str
    checkpoint: Path
    key: str
    dead_letter: Path
    batch_size: int
    """Rows in a call."""
    concurrency: int
    """Calls under way at once."""
    max_failures: float
    """Rows that may fail."""
    again: bool
    """Send every row, whatever the checkpoint says."""


class Import:
    """One run. ``state`` is what the service has answered for, also after an error."""

    def __init__(self, plan: Plan, client: CatalogClient) -> None:
        """Take up the checkpoint of ``plan``, if there is one."""
        self.plan = plan
        self.state = Checkpoint(plan.key)
        if not plan.again:
            self.state = checkpoints.load(plan.checkpoint, plan.key)
        self._client = client
        self._random = random.Random(0)

    async def run(self) -> None:
        """Send what is left of the feed.

        Raises:
            FeedError: the feed turns out to be unreadable.
            ServiceError: the service refused, or stayed away too long.
            TooManyFailuresError: more rows failed than may.
            OSError: the checkpoint or the dead-letter file cannot be written.
        """
        rows, fold, note = await self._resume()
        letters = DeadLetters(self.plan.dead_letter, self.state.dead_letter_bytes)
        if note:
            say(note)
        progress = Progress(self.plan.feed.rows, self.state.rows)
        try:
            await self._send_all(rows, fold, letters, progress)
        finally:
            progress.close()

    async def _resume(self) -> tuple[Iterator[Row], Fold, str]:
        """Skip the rows that are done, or begin anew where that cannot be trusted."""
        done = self.state.rows
        rows = self.plan.feed.read()
        fold = Fold()
        if done == 0:
            return rows, fold, ""
        await asyncio.to_thread(self._fold_in, fold, islice(rows, done))
        if fold.value() != self.state.fold:
            note = "The feed or its pictures have changed since the last import: beginning anew."
        elif not await self._client.has_all(self.state.witnesses):
            note = "The catalog has lost products since the last import: beginning anew."
        elif done == self.plan.feed.rows:
            self.state.unchanged += self.state.imported
            self.state.imported = 0
            return rows, fold, "Everything in this feed was imported before."
        else:
            return rows, fold, f"Going on after row {done}."
        self.state = Checkpoint(self.plan.key)
        return self.plan.feed.read(), Fold(), note

    def _fold_in(self, fold: Fold, rows: Iterator[Row]) -> None:
        for row in rows:
            fold.add(row, self.plan.mapper.picture_state(row))

    async def _send_all(
        self, rows: Iterator[Row], fold: Fold, letters: DeadLetters, progress: Progress
    ) -> None:
        plan = self.plan
        self._check_failures()
        batches = make_batches(rows, fold, plan.mapper, plan.catalog, plan.batch_size)
        under_way: deque[tuple[Batch, asyncio.Task[list[catalog_pb2.ImportResult]]]] = deque()
        try:
            while batch := await asyncio.to_thread(next, batches, None):
                # Of two rows with one id the later one must win: no two of them at once.
                while under_way and (
                    len(under_way) >= plan.concurrency
                    or any(not batch.ids.isdisjoint(sent.ids) for sent, _ in under_way)
                ):
                    await self._finish(*under_way.popleft(), letters, progress)
                under_way.append((batch, asyncio.create_task(self._send(batch))))
            while under_way:
                await self._finish(*under_way.popleft(), letters, progress)
        finally:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)

    async def _send(self, batch: Batch) -> list[catalog_pb2.ImportResult]:
        requests = batch.requests
        return await self._client.import_products(requests) if requests else []

    async def _finish(
        self,
        batch: Batch,
        task: "asyncio.Task[list[catalog_pb2.ImportResult]]",
        letters: DeadLetters,
        progress: Progress,
    ) -> None:
        """Write down the answer to the oldest batch: failures first, then the checkpoint."""
        results = await task
        failures = self._count(batch, results)
        self.state.rows += len(batch.entries)
        self.state.fold = batch.fold
        self.state.dead_letter_bytes = await asyncio.to_thread(letters.write, failures)
        await asyncio.to_thread(checkpoints.save, self.plan.checkpoint, self.state)
        progress.add(len(batch.entries))
        self._check_failures()

    def _count(self, batch: Batch, results: Sequence[catalog_pb2.ImportResult]) -> list[Failure]:
        state = self.state
        failures: list[Failure] = []
        answers = iter(results)
        for row, entry in batch.entries:
            if isinstance(entry, RowError):
                failures.append((row, entry.reason, entry.message))
                continue
            result = next(answers)
            if result.outcome == catalog_pb2.IMPORT_OUTCOME_IMPORTED:
                state.imported += 1
            elif result.outcome == catalog_pb2.IMPORT_OUTCOME_UNCHANGED:
                state.unchanged += 1
            else:
                failures.append((row, result.reason, result.message))
                continue
            self._remember(result.product_id, state.imported + state.unchanged)
        state.failed += len(failures)
        return failures

    def _remember(self, product_id: str, acknowledged: int) -> None:
        # Reservoir sampling: every acknowledged id is a witness with the same chance.
        witnesses = self.state.witnesses
        if len(witnesses) < _WITNESSES:
            witnesses.append(product_id)
        elif (place := self._random.randrange(acknowledged)) < _WITNESSES:
            witnesses[place] = product_id

    def _check_failures(self) -> None:
        if self.state.failed > self.plan.max_failures:
            raise TooManyFailuresError
