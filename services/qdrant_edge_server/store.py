"""The data folder: a lock, the registry, and a shard for each collection."""

from __future__ import annotations

import fcntl
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import qdrant_edge as edge

from qdrant_edge_server.collection import Collection, FormerShard
from qdrant_edge_server.convert_config import check_create
from qdrant_edge_server.engine import engine_errors
from qdrant_edge_server.errors import AlreadyExists, InvalidRequest, NotFound
from qdrant_edge_server.guards import check_name
from qdrant_edge_server.registry import CollectionRecord, Registry, State, sync_directory
from qdrant_edge_server.stubs import wire

_log = logging.getLogger(__name__)


class DataDirInUse(RuntimeError):
    """Another process has the data folder open."""


class Store:
    """All collections and aliases under one folder, which this process alone may open."""

    def __init__(
        self, data_dir: Path, *, on_flush: Callable[[float], None] = lambda _: None
    ) -> None:
        """Open the folder, making it if need be.

        Args:
            on_flush: told the seconds of each flush.

        Raises:
            DataDirInUse: another process holds it.
            Refusal: a shard could not be opened.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(data_dir)
        self._shards_dir = data_dir / "collections"
        self._shards_dir.mkdir(exist_ok=True)
        self._registry = Registry(data_dir / "registry.json")
        self._remove_orphans()
        self._on_flush = on_flush
        self._open: dict[str, Collection] = {}
        for name, record in self._registry.state.collections.items():
            folder = self._shards_dir / record.directory
            self._add(Collection.load(name, record, folder))

    def _add(self, collection: Collection) -> None:
        collection.observe_flushes(self._on_flush)
        self._open[collection.name] = collection

    def optimize(self) -> None:
        """Optimise every collection; see `Collection.optimize`."""
        for name, collection in self._open.items():
            start = time.perf_counter()
            if collection.optimize():
                _log.info("optimised %s in %.1f s", name, time.perf_counter() - start)

    @property
    def state(self) -> State:
        """The names and aliases on the disk."""
        return self._registry.state

    def collections(self) -> list[Collection]:
        """Every open collection."""
        return list(self._open.values())

    def find(self, name: str) -> Collection | None:
        """The collection of this name, or behind the alias of this name."""
        return self._open.get(self.state.aliases.get(name, name))

    def get(self, name: str) -> Collection:
        """As `find`.

        Raises:
            NotFound: neither a collection nor an alias has this name.
        """
        found = self.find(name)
        if found is None:
            raise NotFound(f"Not found: Collection `{name}` doesn't exist!")
        return found

    def create(self, request: wire.CreateCollection) -> None:
        """Make a collection: first its files, then its entry in the registry.

        Raises:
            AlreadyExists, InvalidRequest, NotOffered.
        """
        name = check_name("collection", request.collection_name)
        if name in self._open:
            raise AlreadyExists(f"Wrong input: Collection `{name}` already exists!")
        if name in self.state.aliases:
            raise InvalidRequest(f"Wrong input: Alias with the name `{name}` already exists")
        check_create(request)
        config = wire.CreateCollection()
        config.CopyFrom(request)
        config.ClearField("timeout")
        record = CollectionRecord(uuid.uuid4().hex, time.time(), config)
        collection = Collection.create(name, record, self._shards_dir / record.directory)
        sync_directory(self._shards_dir)
        self._registry.commit(self.state.with_collection(name, record))
        self._add(collection)

    def delete(self, name: str) -> bool:
        """Drop a collection and its aliases; False where there is none of this very name."""
        if name not in self._open:
            return False
        self._registry.commit(self.state.without_collection(name))
        collection = self._open.pop(name)
        collection.close()
        shutil.rmtree(collection.path)
        return True

    def set_config(self, collection: Collection, config: wire.CreateCollection) -> None:
        """Keep other settings (metadata) for a collection."""
        old = collection.record
        record = CollectionRecord(old.directory, old.created_at_s, config)
        self._registry.commit(self.state.with_collection(collection.name, record))
        collection.record = record

    def spare_folder(self) -> Path:
        """Where another shard may be made; the next start removes it unless a swap names it."""
        return self._shards_dir / uuid.uuid4().hex

    def swap_shard(
        self, collection: Collection, shard: edge.EdgeShard, folder: Path
    ) -> FormerShard:
        """Let a collection go on with `shard`, in `folder`, which holds what it holds.

        Returns:
            the former shard, to be closed and removed.
        """
        with engine_errors("The flush of the optimised copy"):
            shard.flush()
        sync_directory(self._shards_dir)
        old = collection.record
        record = CollectionRecord(folder.name, old.created_at_s, old.config)
        self._registry.commit(self.state.with_collection(collection.name, record))
        return collection.use(shard, folder, record)

    def change_aliases(self, actions: Iterable[wire.AliasOperations]) -> None:
        """Apply all of `actions`, in order, in one write, or none.

        Raises:
            NotFound: no such collection to point at, or no such alias to rename; deleting an
                alias that is not there is fine, as in Qdrant.
            InvalidRequest: an empty action, or an alias named like a collection.
        """
        aliases = dict(self.state.aliases)
        for action in actions:
            self._change_alias(aliases, action)
        self._registry.commit(State(self.state.collections, aliases))

    def _change_alias(self, aliases: dict[str, str], action: wire.AliasOperations) -> None:
        match action.WhichOneof("action"):
            case "create_alias":
                target = action.create_alias.collection_name
                if target not in self._open:
                    raise NotFound(f"Not found: Collection `{target}` doesn't exist!")
                aliases[self._new_alias(action.create_alias.alias_name)] = target
            case "delete_alias":
                aliases.pop(action.delete_alias.alias_name, None)
            case "rename_alias":
                new = self._new_alias(action.rename_alias.new_alias_name)
                old = action.rename_alias.old_alias_name
                if old not in aliases:
                    raise NotFound(f"Not found: Alias {old} does not exists!")
                aliases[new] = aliases.pop(old)
            case _:
                raise InvalidRequest("Wrong input: an alias action is empty.")

    def _new_alias(self, name: str) -> str:
        if name in self._open:
            raise InvalidRequest(f"Wrong input: Collection with the name `{name}` already exists")
        return check_name("alias", name)

    def _remove_orphans(self) -> None:
        """Remove folders of a creation or deletion that a crash cut short."""
        known = {record.directory for record in self._registry.state.collections.values()}
        for path in self._shards_dir.iterdir():
            if path.name not in known:
                # A process that a crash left may still write there; the next start tries again.
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Flush and close every shard, then let the folder go."""
        for collection in self._open.values():
            collection.close()
        self._open.clear()
        self._lock.close()


def _lock(data_dir: Path) -> IO[str]:
    file = (data_dir / ".lock").open("w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise DataDirInUse(f"{data_dir} is in use by another process") from None
    return file
