"""The keys in force: read again whenever their file changes."""

import asyncio
import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from gateway.access.caller import Caller
from gateway.access.key_file import Key, KeyFileError, name_in, read_keys
from retrieval.errors import Reason, Unauthenticated

REFRESH_S: Final = 1.0


class ApiKeys:
    """Keys of a file.

    A rotation is two edits: the new hash beside the old one, and the old one out once no caller
    uses it. A file that cannot be read leaves the keys as they were, and the log says so.
    """

    def __init__(self, path: Path) -> None:
        """Raises `KeyFileError`: a gateway begins with a good file or not at all."""
        self._path = path
        self._state = _state(path)
        self._keys: Mapping[str, Key] = read_keys(path)

    async def caller(self, key: str) -> Caller:
        """Whose key this is. Raises Unauthenticated (CREDENTIALS_INVALID)."""
        known = self._keys.get(name_in(key))
        if known is None:
            # as much work as for a known name
            hashlib.sha256(key.encode()).digest()
            raise Unauthenticated(Reason.CREDENTIALS_INVALID)
        if not known.opened_by(key, datetime.now(UTC)):
            raise Unauthenticated(Reason.CREDENTIALS_INVALID)
        return known.caller

    async def watch(self) -> None:
        """Follow the file until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Read the file if it has changed."""
        state = _state(self._path)
        if state == self._state:
            return
        log = structlog.get_logger()
        try:
            self._keys = read_keys(self._path)
        except KeyFileError as error:
            log.error("keys_unreadable", problem=str(error))
        else:
            log.info("keys_read", keys=len(self._keys))
        self._state = state


def _state(path: Path) -> tuple[int, int, int] | None:
    # Kubernetes swaps a link to a new folder when a Secret changes: stat follows it.
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
