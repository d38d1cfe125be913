"""Which files were read before, and what became of them: ``DIR/feed/pictures.jsonl``.

A second run reads no picture again whose file has kept its size and its time. A line is appended
for each file; one that a kill has cut short is dropped, and its picture read again.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from catalog.pictures.refused import PictureRefused
from catalog.pictures.store import StoredPicture

RULES: Final = 1
"""To be raised when `catalog.pictures` judges or fingerprints differently: all are read again."""

Outcome = StoredPicture | PictureRefused
Key = tuple[str, int, int]
"""Path, size in bytes and time in ns of a file."""


def key_of(file: Path) -> Key:
    """Of a file as it is now. Raises `OSError`."""
    state = file.stat()
    return str(file), state.st_size, state.st_mtime_ns


class PictureJournal:
    """One run's view of the journal; a context manager."""

    def __init__(self, path: Path) -> None:
        """Read what is known; the file is made where there is none. Raises `OSError`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        known = _read(whole)
        if known is None:
            whole = b""
        self._known = known or {}
        self._file = path.open("r+b" if content else "wb")
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not whole:
            self._append({"rules": RULES})

    def __enter__(self) -> "PictureJournal":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def find(self, key: Key) -> Outcome | None:
        """What became of the file; None where it was not read, or has changed since."""
        file, *state = key
        known = self._known.get(file)
        if known is None or known["state"] != state:
            return None
        if "reason" in known:
            return PictureRefused(known["reason"], known["message"])
        return StoredPicture(**known["stored"])

    def put(self, key: Key, outcome: Outcome) -> None:
        """Remember a file. Raises `OSError`."""
        file, *state = key
        row: dict[str, Any] = {"file": file, "state": state}
        if isinstance(outcome, PictureRefused):
            row |= {"reason": outcome.reason, "message": outcome.message}
        else:
            row |= {"stored": asdict(outcome)}
        self._append(row)
        self._known[file] = row

    def _append(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()


def _read(content: bytes) -> dict[str, dict[str, Any]] | None:
    """By file; None where the journal is another version's, or none."""
    try:
        first, *rows = map(json.loads, content.splitlines())
        return {row["file"]: row for row in rows} if first == {"rules": RULES} else None
    except (ValueError, KeyError, TypeError):
        return None
