"""One open collection: the engine's shard and what is known about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import qdrant_edge as edge

from qdrant_edge_server.convert_config import engine_config
from qdrant_edge_server.engine import engine_errors
from qdrant_edge_server.errors import EngineFailure, OutOfSpace
from qdrant_edge_server.registry import CollectionRecord
from qdrant_edge_server.schema import VectorSchema, vector_schemas

_T = TypeVar("_T")

# Below this the engine's memory-mapped files could no longer grow, and a write to a mapped page
# without a block behind it ends the process.
MIN_FREE_BYTES = 256 * 2**20


class Collection:
    """A shard of the engine, with the guards and the durability the engine leaves out.

    Every call is made on the server's one engine thread, so no lock is needed here.
    """

    def __init__(self, name: str, record: CollectionRecord, path: Path, shard: edge.EdgeShard):
        self.name = name
        self.record = record
        self.path = path
        self.schemas: Mapping[str, VectorSchema] = vector_schemas(record.config.vectors_config)
        self._shard = shard
        self._unflushed = False
        self._operations = 0

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

    def update(self, operation: edge.UpdateOperation, *, durable: bool) -> int:
        """Apply an update that the guards have passed, and return its number.

        Args:
            durable: sync it to the disk before returning (an acknowledged `wait=True`);
                otherwise `flush` does so later.

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
        except EngineFailure:
            self._step_over_failure()
            raise
        if durable:
            self.flush()
        self._operations += 1
        return self._operations

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
        of 64), so it is for the time before anything is served.
        """
        with engine_errors("Optimising the collection"):
            return self._shard.optimize()

    def flush(self) -> None:
        """Sync what was written since the last flush."""
        if self._unflushed:
            with engine_errors("The flush"):
                self._shard.flush()
            self._unflushed = False

    def close(self) -> None:
        """Flush and let go of the files."""
        self.flush()
        self._shard.close()
