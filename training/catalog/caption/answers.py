"""Answers that were paid for, kept at once and for good.

    DIR/answers/answers.jsonl    one answer a line, appended and on disk before it is used
    DIR/answers/lock             held by the one command that asks

An answer is found by captioner (with its prompt version), both pictures and the round (0 asked
first, 1 asked again), so changing the model or the prompt asks anew and nothing else does.
"""

import fcntl
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from catalog.errors import CatalogError
from catalog.pairs import Pair

FOLDER: Final = "answers"
FILE: Final = "answers.jsonl"
_ROOM_BYTES: Final = 16 << 20
"""Free on the disk before anything is asked: thousands of answers."""


@dataclass(frozen=True)
class Answer:
    """What a model wrote, as it was, and what that cost."""

    content: str
    refusal: str
    finish: str
    """OpenAI's finish_reason."""
    input_tokens: int
    output_tokens: int
    dollars: float


def answer_key(captioner: str, pair: Pair, again: int) -> str:
    """64 hex digits by which an answer is found."""
    parts = json.dumps([captioner, pair.reference, pair.target, again])
    return hashlib.sha256(parts.encode()).hexdigest()


class Answers:
    """The kept answers of a folder; a context manager that holds the folder's lock."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened yet."""
        self._folder = folder / FOLDER
        self.path = self._folder / FILE
        self._kept: dict[str, Answer] = {}
        self._file: int | None = None
        self._lock: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Read what is kept. Raises `CatalogError` (locked, not ours), `OSError`."""
        self._folder.mkdir(exist_ok=True)
        self._lock = (self._folder / "lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            os.ftruncate(self._file, self._read())
        except BlockingIOError:
            self.__exit__(None, None, None)
            raise CatalogError(
                f"another `catalog caption` is at work in {self._folder.parent}"
            ) from None
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file and give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._lock is not None:
            self._lock.close()

    @property
    def dollars(self) -> float:
        """What all kept answers of the folder cost."""
        return sum(answer.dollars for answer in self._kept.values())

    def get(self, key: str) -> Answer | None:
        """The answer that is kept under a key of `answer_key`."""
        return self._kept.get(key)

    def require_room(self) -> None:
        """Raises `CatalogError` where an answer might not fit, so that none is paid for."""
        if shutil.disk_usage(self._folder).free < _ROOM_BYTES:
            raise CatalogError(
                f"{self._folder}: less than {_ROOM_BYTES >> 20} MiB are free, too little to keep"
                " answers"
            )

    def keep(self, captioner: str, pair: Pair, again: int, answer: Answer) -> None:
        """Append an answer; it is on disk when this returns. Raises `OSError`."""
        if self._file is None:
            raise RuntimeError("the answers are not open")
        key = answer_key(captioner, pair, again)
        row = {
            "key": key,
            "captioner": captioner,
            "reference": pair.reference,
            "target": pair.target,
            "round": again,
            **asdict(answer),
        }
        line = json.dumps(row).encode("ascii") + b"\n"
        before = os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, before)
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        self._kept[key] = answer

    def _read(self) -> int:
        """Take all whole lines, and tell how many bytes they are: a kill may tear the last."""
        whole = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    self._take(number, line)
                    whole += len(line)
        return whole

    def _take(self, number: int, line: bytes) -> None:
        try:
            row: dict[str, Any] = json.loads(line)
            key = row["key"]
            self._kept[key] = Answer(**{name: row[name] for name in Answer.__dataclass_fields__})
        except (ValueError, KeyError, TypeError):
            # Asking anew would be paying anew: only a person may decide that.
            raise CatalogError(f"{self.path}: line {number} is no answer") from None
