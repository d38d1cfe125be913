"""One open collection: the engine's shard and what is known about it."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import qdrant_edge as edge

from qdrant_edge_server.convert_config import engine_config
from qdrant_edge_server.engine import engine_errors
from qdrant_edge_server.errors import EngineFailure, OutOfSpace, Refusal
from qdrant_edge_server.registry import CollectionRecord
from qdrant_edge_server.schema import VectorSchema, vector_schemas

_T = TypeVar("_T")

# Below this the engine's memory-mapped files could no longer grow, and a write to a mapped page
# without a block behind it ends the process.
MIN_FREE_BYTES = 256 * 2**20
_JOURNAL_BYTES = 256 * 2**20


class JournalLost(RuntimeError):
    """The updates since a copy was made are not all known, so the copy cannot catch up."""


@dataclass(frozen=True)
class Changes:
    """What was written since the collection was last optimised, or looked at for that.

    Attributes:
        points: how many points, roughly: a point written twice counts twice.
        points_before: how many points there were.
        first_s, last_s: `time.monotonic()` of the first and the last write.
    """

    points: int
    points_before: int
    first_s: float = 0.0
    last_s: float = 0.0


@dataclass(frozen=True)
class FormerShard:
    """A shard that another took the place of, still open, and its folder."""

    shard: edge.EdgeShard
    path: Path

    def close(self) -> None:
        """Let go of the files.

        Raises:
            Refusal: the engine failed; it has been logged.
        """
        with engine_errors("Closing the former shard"):
            self.shard.close()


class Collection:
    """A shard of the engine, with the guards and the durability the engine leaves out.

    Every call is made by who has the turn (turn.py), so no lock is needed here.
    """

    def __init__(self, name: str, record: CollectionRecord, path: Path, shard: edge.EdgeShard):
        self.name = name
        self.record = record
        self.path = path
        self.schemas: Mapping[str, VectorSchema] = vector_schemas(record.config.vectors_config)
        self._shard = shard
        self._unflushed = False
        self._operations = 0
        self._journal: deque[edge.UpdateOperation] | None = None
        self._journal_room_bytes = 0
        self._on_flush: Callable[[float], None] = lambda _: None
        self._changes = Changes(0, self.points)

    @classmethod
    def create(cls, name: str, record: CollectionRecord, path: Path) -> Collection:
        """Make the shard's files in `path`, a folder that is not there yet."""
        config = engine_config(record.config)
        path.mkdir(parents=True)
        with engine_errors("Creating the collection"):
            shard = edge.EdgeShard.create(str(path), config)
            shard.flush()
        return cls(name, record, path, shard)

    @classmethod
    def load(cls, name: str, record: CollectionRecord, path: Path) -> Collection:
        """Open the shard in `path`; the engine replays what its write-ahead log still holds."""
        with engine_errors("Opening the collection"):
            shard = edge.EdgeShard.load(str(path))
        return cls(name, record, path, shard)

    def update(
        self,
        operation: edge.UpdateOperation,
        *,
        durable: bool,
        points: int = 1,
        size_bytes: int = 0,
    ) -> int:
        """Apply an update that the guards have passed, and return its number.

        Args:
            durable: sync it to the disk before returning (an acknowledged `wait=True`);
                otherwise `flush` does so later.
            points: how many points it names.
            size_bytes: of the request that asked for it.

        Raises:
            OutOfSpace: the disk is nearly full; nothing was applied.
            Refusal: the engine refused or failed; see `engine_errors`.
        """
        if shutil.disk_usage(self.path).free < MIN_FREE_BYTES:
            raise OutOfSpace("No space left on device: the write was refused.")
        self._unflushed = True
        try:
            with engine_errors("The update"):
                self._shard.update(operation)
        except Refusal as refusal:
            # It may be half applied, and would not be so in the same way to a copy.
            self._journal = None
            if isinstance(refusal, EngineFailure):
                self._step_over_failure()
            raise
        self._note(operation, points, size_bytes)
        if durable:
            self.flush()
        self._operations += 1
        return self._operations

    def _note(self, operation: edge.UpdateOperation, points: int, size_bytes: int) -> None:
        now = time.monotonic()
        old = self._changes
        first_s = old.first_s or now
        self._changes = Changes(old.points + points, old.points_before, first_s, now)
        if self._journal is not None:
            self._journal_room_bytes -= size_bytes
            if self._journal_room_bytes < 0:
                self._journal = None
            else:
                self._journal.append(operation)

    def _step_over_failure(self) -> None:
        """Put the failed record behind the shard, and sync.

        A record that made the engine panic makes it panic again when it replays its log. A flush
        leaves records behind only up to the last one that worked, so an empty one follows.
        """
        with engine_errors("The update after a failure"):
            self._shard.update(edge.UpdateOperation.delete_points([]))
            self._shard.flush()
        self._unflushed = False

    def read(self, operation: str, call: Callable[[edge.EdgeShard], _T]) -> _T:
        """Ask the shard something; `operation` names it in a failure."""
        with engine_errors(operation):
            return call(self._shard)

    def optimize(self) -> bool:
        """Merge and index segments where the engine finds it worth while; True if it did.

        It holds the interpreter's lock until it is done (1 s for 10,000 points of nine vectors
        of 64), so it is for the time before anything is served; later see optimizer.py.
        """
        with engine_errors("Optimising the collection"):
            return self._shard.optimize()

    @property
    def changes(self) -> Changes:
        """See `Changes`; a deletion by filter counts as the points that are gone."""
        old = self._changes
        gone = old.points_before - self.points if old.last_s else 0
        return Changes(max(old.points, gone), old.points_before, old.first_s, old.last_s)

    @property
    def points(self) -> int:
        return int(self.read("Info", lambda shard: shard.info()).points_count)

    def note_optimization(self) -> None:
        """Count changes from now on."""
        self._changes = Changes(0, self.points)

    def begin_journal(self) -> None:
        """Keep every update from now on, for a copy that is made now."""
        self._journal = deque()
        self._journal_room_bytes = _JOURNAL_BYTES

    def end_journal(self) -> None:
        self._journal = None

    def replay_journal(self, shard: edge.EdgeShard, *, for_s: float) -> bool:
        """Apply kept updates to `shard` for about that long; True if none is left.

        Raises:
            JournalLost: an update failed, the journal grew too large or the collection is gone.
            Refusal: `shard` refused an update.
        """
        end = time.perf_counter() + for_s
        while True:
            if self._journal is None:
                raise JournalLost("an update failed, or too much was written meanwhile")
            if not self._journal:
                return True
            with engine_errors("The update of a copy"):
                shard.update(self._journal.popleft())
            if time.perf_counter() >= end:
                return not self._journal

    def open_other(self, path: Path) -> edge.EdgeShard:
        """Open the shard in another folder; `use` makes it this collection's."""
        with engine_errors("Opening the optimised copy"):
            return edge.EdgeShard.load(str(path))

    def use(self, shard: edge.EdgeShard, path: Path, record: CollectionRecord) -> FormerShard:
        """Go on with `shard`; returns the former one, which nobody needs any more."""
        former = FormerShard(self._shard, self.path)
        self._shard, self.path, self.record = shard, path, record
        self._journal = None
        self._unflushed = False
        return former

    def observe_flushes(self, observe: Callable[[float], None]) -> None:
        """Have every flush's seconds told to `observe`."""
        self._on_flush = observe

    def flush(self) -> None:
        """Sync what was written since the last flush."""
        if self._unflushed:
            start = time.perf_counter()
            with engine_errors("The flush"):
                self._shard.flush()
            self._unflushed = False
            self._on_flush(time.perf_counter() - start)

    def close(self) -> None:
        """Flush and let go of the files."""
        self._journal = None
        self.flush()
        self._shard.close()
