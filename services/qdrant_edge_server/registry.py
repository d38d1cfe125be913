"""What the server knows besides the points: collections, their settings, and aliases.

One JSON file, written aside, synced and renamed, so that a crash leaves the old one or the new
one and never a mixture; a change of aliases is one write, hence atomic.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from qdrant_edge_server.stubs import wire

_log = logging.getLogger(__name__)

_FORMAT = 1
IN_DOUBT_STATUS = 74  # EX_IOERR of sysexits.h


class RegistryUnreadable(RuntimeError):
    """The registry's file is damaged, or of another format."""


@dataclass(frozen=True)
class CollectionRecord:
    """One collection: its folder's name, when it was made, and the request that made it."""

    directory: str
    created_at_s: float
    config: wire.CreateCollection


@dataclass(frozen=True)
class State:
    """Collections by name, and the collection behind each alias."""

    collections: Mapping[str, CollectionRecord] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def with_collection(self, name: str, record: CollectionRecord) -> State:
        """The state with `name` added or replaced."""
        return replace(self, collections={**self.collections, name: record})

    def without_collection(self, name: str) -> State:
        """The state without `name` and the aliases that lead to it."""
        return State(
            {key: record for key, record in self.collections.items() if key != name},
            {alias: target for alias, target in self.aliases.items() if target != name},
        )


class Registry:
    """The state, in memory and in `path`; a new state counts once it is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = _load(path)

    @property
    def state(self) -> State:
        return self._state

    def commit(self, state: State) -> None:
        """Make `state` durable, then current.

        A new state that has its name but cannot be synced may or may not be there after a power
        cut. Going on with either could lose what is acknowledged next, so the process ends, and
        the next start goes on with whichever the disk holds.

        Raises:
            OSError: it could not be written; the former state stays.
        """
        _write_durably(self._path, json.dumps(_to_json(state), indent=1))
        self._state = state


def _load(path: Path) -> State:
    if not path.exists():
        return State()
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["format"] == _FORMAT:
            return _from_json(document)
    except (ValueError, KeyError, TypeError, AttributeError, ParseError) as error:
        raise RegistryUnreadable(f"{path} is damaged") from error
    raise RegistryUnreadable(f"{path} has another format than {_FORMAT}")


def _from_json(document: Mapping[str, Any]) -> State:
    return State(
        {
            name: CollectionRecord(
                directory=entry["directory"],
                created_at_s=entry["created_at_s"],
                config=ParseDict(entry["config"], wire.CreateCollection()),
            )
            for name, entry in document["collections"].items()
        },
        document["aliases"],
    )


def _to_json(state: State) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "collections": {
            name: {
                "directory": record.directory,
                "created_at_s": record.created_at_s,
                "config": MessageToDict(record.config, preserving_proto_field_name=True),
            }
            for name, record in state.collections.items()
        },
        "aliases": dict(state.aliases),
    }


def _write_durably(path: Path, text: str) -> None:
    aside = path.with_suffix(".tmp")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
    try:
        sync_directory(path.parent)
    except OSError as error:
        _log.critical("%s may or may not outlive a power cut, so the server ends: %s", path, error)
        os._exit(IN_DOUBT_STATUS)


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
