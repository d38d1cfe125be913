"""The dead-letter file: which rows failed, why, and what to do; JSON Lines."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from indexer.remedies import remedy
from indexer.rows import Row


class DeadLetters:
    """Appends failures, a line each: row, line, id, reason, message, remedy.

    The reason is for programs, the other two are sentences for a shop's staff: what is wrong, and
    what to do. The rows' content stays out.
    """

    def __init__(self, path: Path, keep_bytes: int) -> None:
        """Take up ``path``, keeping its first ``keep_bytes`` bytes: what the checkpoint knows of.

        The file appears with the first failure.

        Raises:
            OSError: the file is there and cannot be changed.
        """
        self._path = path
        self._bytes = 0
        if keep_bytes == 0:
            path.unlink(missing_ok=True)
        elif path.exists():
            self._bytes = min(keep_bytes, path.stat().st_size)
            os.truncate(path, self._bytes)

    def write(self, failures: Iterable[tuple[Row, str, str]]) -> int:
        """Append (row, reason, message) durably; answer with the file's length in bytes."""
        lines = [
            json.dumps(
                {
                    "row": row.number,
                    "line": row.line,
                    "id": row.id,
                    "reason": reason,
                    "message": message,
                    "remedy": remedy(reason),
                }
            )
            + "\n"
            for row, reason, message in failures
        ]
        if lines:
            with self._path.open("ab") as file:
                file.write("".join(lines).encode())
                file.flush()
                os.fsync(file.fileno())
                self._bytes = file.tell()
        return self._bytes
