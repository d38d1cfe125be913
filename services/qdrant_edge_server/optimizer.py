"""Optimising beside the service, so that no search waits for it.

The engine's `optimize()` freezes every thread of its process, for seconds. So a child process
optimises a copy of the collection's folder, and the copy takes the original's place:

1. Writes are held, the shard is flushed, the child copies its folder; then writes go on. Reads go
   on all the while.
2. The child optimises the copy and syncs it. From the copy on, every update that the collection
   applies is kept in a journal too, in memory.
3. The copy is opened here and catches up with the journal, a few milliseconds at a turn. When
   nothing is left it is flushed, and the registry, in one durable write, names its folder instead
   of the old one.

Until that write the old folder is the collection and holds everything acknowledged; after it, the
new one does. A crash leaves a folder that the registry does not name, which the next start
removes.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import qdrant_edge as edge

from qdrant_edge_server import optimize_copy
from qdrant_edge_server.collection import MIN_FREE_BYTES, Collection, JournalLost
from qdrant_edge_server.engine import engine_errors
from qdrant_edge_server.errors import Refusal
from qdrant_edge_server.metrics import Metrics
from qdrant_edge_server.store import Store
from qdrant_edge_server.turn import Turn

_log = logging.getLogger(__name__)

_NO_TURN = (0.0, "none")
_LOOK_EVERY_S = 1.0
_QUIET_S = 5.0  # after the last write, so that an import is not copied at every step ...
_PATIENCE_S = 60.0  # ... but no longer than this after the first
_SHARE = 0.1  # of a collection's points must have changed
_LONGEST_HOLD_S = 10.0  # of writes, for the copy; one that takes longer is given up
_SLICE_S = 0.01  # of catching up, between which calls have their turns


class Optimizer:
    """A thread that looks for collections worth optimising, and has that done."""

    def __init__(self, store: Store, turn: Turn, metrics: Metrics, *, after_points: int) -> None:
        """Args:
        after_points: changed points of a collection that make it worth while, 1 or more.
        """
        self._store, self._turn, self._metrics = store, turn, metrics
        self._after_points = after_points
        self._stop = threading.Event()
        self._child: _Child | None = None
        self._longest_turn = _NO_TURN
        self._thread = threading.Thread(target=self._run, name="optimizer")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Give up what is being optimised and wait until it is cleared away."""
        self._stop.set()
        child = self._child
        if child is not None:
            child.kill()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            with self._turn.taken():
                due = [each for each in self._store.collections() if self._is_due(each)]
            for collection in due:
                if not self._stop.is_set():
                    self._optimize(collection)

    def _is_due(self, collection: Collection) -> bool:
        changes = collection.changes
        enough = max(self._after_points, int(changes.points_before * _SHARE))
        now = time.monotonic()
        return changes.points >= enough and (
            now - changes.last_s >= _QUIET_S or now - changes.first_s >= _PATIENCE_S
        )

    @contextmanager
    def _own_turn(self, what: str) -> Iterator[None]:
        """A turn for the block, timed: this is what a search may wait for."""
        with self._turn.taken():
            start = time.perf_counter()
            try:
                yield
            finally:
                took = time.perf_counter() - start
                self._longest_turn = max(self._longest_turn, (took, what))
                self._metrics.optimizer_turn.observe(took)

    def _optimize(self, collection: Collection) -> None:
        start, self._longest_turn = time.perf_counter(), _NO_TURN
        target = self._store.spare_folder()
        outcome = "abandoned"
        try:
            outcome = self._copy_optimised(collection, target)
            if outcome == optimize_copy.OPTIMISED:
                self._catch_up(collection, target)
                outcome = "swapped"
        except (JournalLost, Refusal, OSError) as reason:
            _log.warning("optimising %s was given up: %s", collection.name, reason)
            outcome = "abandoned"
        finally:
            with self._own_turn("clearing away"):
                collection.end_journal()
                in_use = collection.path == target
            if not in_use:
                shutil.rmtree(target, ignore_errors=True)
        took = time.perf_counter() - start
        self._metrics.optimizations.labels(outcome).inc()
        self._metrics.optimization.observe(took)
        _log.info(
            "optimised %s beside the service in %.1f s: %s; its longest turn took %.0f ms (%s)",
            *(collection.name, took, outcome, self._longest_turn[0] * 1e3, self._longest_turn[1]),
        )

    def _copy_optimised(self, collection: Collection, target: Path) -> str:
        """Have the child make `target`; returns its last word, or what became of it.

        Raises:
            JournalLost: the child ended early, or there is no room for a copy.
        """
        with self._own_turn("counting"):
            collection.note_optimization()
        if shutil.disk_usage(collection.path).free < _size(collection.path) * 2 + MIN_FREE_BYTES:
            raise JournalLost("no room on the disk for a copy")
        with _Child(collection.path, target) as child:
            self._child = child
            try:
                self._go_on()
                child.expect(optimize_copy.READY)
                self._hold_and_copy(collection, child)
                return child.expect(optimize_copy.OPTIMISED, optimize_copy.UNCHANGED)
            finally:
                self._child = None

    def _hold_and_copy(self, collection: Collection, child: _Child) -> None:
        with self._own_turn("the flush before the copy"):
            collection.flush()
            collection.begin_journal()
            self._turn.hold_writes()
        held = time.perf_counter()
        too_long = threading.Timer(_LONGEST_HOLD_S, child.kill)
        too_long.start()
        try:
            child.go()
            child.expect(optimize_copy.COPIED)
        finally:
            too_long.cancel()
            self._turn.release_writes()
            self._metrics.write_hold.observe(time.perf_counter() - held)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise JournalLost("the server stops")

    def _catch_up(self, collection: Collection, target: Path) -> None:
        with self._own_turn("opening the copy"):
            shard = collection.open_other(target)
        try:
            # Twice, so that the second flush, in the same turn as the swap, is a small one.
            self._replay(collection, shard)
            with self._own_turn("flushing the copy"), engine_errors("Flushing the optimised copy"):
                shard.flush()
            while True:
                self._replay(collection, shard)
                with self._own_turn("the swap"):
                    if collection.replay_journal(shard, for_s=_SLICE_S):
                        former = self._store.swap_shard(collection, shard, target)
                        break
        except BaseException:
            shard.close()
            raise
        with self._own_turn("closing the former"), suppress(Refusal):
            former.close()
        shutil.rmtree(former.path, ignore_errors=True)

    def _replay(self, collection: Collection, shard: edge.EdgeShard) -> None:
        """Let the copy catch up, a slice at a turn, until nothing is left at the turn's end."""
        caught_up = False
        while not caught_up:
            with self._own_turn("catching up"):
                self._go_on()
                caught_up = collection.replay_journal(shard, for_s=_SLICE_S)


class _Child:
    """The process of `optimize_copy`, and what it says."""

    def __init__(self, source: Path, target: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", optimize_copy.__name__, str(source), str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._hears = cast(IO[str], self._process.stdin)
        self._says = cast(IO[str], self._process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._process.wait()
        self._says.close()
        with suppress(BrokenPipeError):
            self._hears.close()

    def kill(self) -> None:
        self._process.kill()

    def go(self) -> None:
        """Tell it that nobody writes."""
        self._hears.write("go\n")
        self._hears.flush()

    def expect(self, *words: str) -> str:
        """The next line it prints, which must be one of `words`.

        Raises:
            JournalLost: it ended instead.
        """
        word = self._says.readline().strip()
        if word not in words:
            raise JournalLost(f"the child process ended before it said {' or '.join(words)}")
        return word


def _size(path: Path) -> int:
    """Bytes on the disk, holes left out."""
    return sum(512 * each.stat().st_blocks for each in path.rglob("*") if each.is_file())
