"""How far an import has come, on disk."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

_FORMAT: Final = 1


@dataclass
class Checkpoint:
    """What of a feed the service has answered for. Counts are of rows, since the first."""

    key: str
    """Of what is imported how: catalog, templates, column types."""
    rows: int = 0
    fold: str = ""
    """Over the first ``rows`` rows; another value means that the feed has changed."""
    imported: int = 0
    unchanged: int = 0
    failed: int = 0
    dead_letter_bytes: int = 0
    """Length of the dead-letter file at this point; what is behind it is written again."""
    witnesses: list[str] = field(default_factory=list)
    """A few of the ids that the service has acknowledged, to ask whether it still has them."""


def load(path: Path, key: str) -> Checkpoint:
    """Read the checkpoint of ``key``; an empty one where there is none that can be used.

    A damaged file, or one of another import, costs only time: rows are then sent again.
    """
    try:
        state = json.loads(path.read_bytes())
        if not isinstance(state, dict) or state.pop("format") != _FORMAT:
            return Checkpoint(key)
        checkpoint = Checkpoint(**state)
        counts = (checkpoint.imported, checkpoint.unchanged, checkpoint.failed)
        if checkpoint.key != key or sum(counts) != checkpoint.rows or min(counts) < 0:
            return Checkpoint(key)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return Checkpoint(key)
    return checkpoint


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write durably: aside, synced, renamed; a kill at any point leaves the old or the new one.

    Raises:
        OSError: the disk refuses.
    """
    aside = path.with_name(path.name + ".new")
    with aside.open("w", encoding="utf-8") as file:
        json.dump({"format": _FORMAT, **asdict(checkpoint)}, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
