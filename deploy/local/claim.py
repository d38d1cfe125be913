"""One stack a DATA_DIR, and the way to end it from elsewhere.

Two locks of the kernel say what runs, so nothing can be stale: the supervisor holds ``lock``
exclusively (and writes its process id into it), and every process of the stack holds ``members``
shared (see child.py) until it is gone, even if the supervisor was killed.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LEFTOVERS_S: Final = 20.0
_END_S: Final = 40.0


class ClaimError(Exception):
    """The folder is in use or cannot be used; the text is one sentence."""


def members_lock(data_dir: Path) -> Path:
    """The file that every process of the stack of ``data_dir`` holds a shared lock on."""
    return data_dir / "run" / "members"


@contextmanager
def claim(data_dir: Path) -> Iterator[None]:
    """Own ``data_dir`` until the block ends.

    Raises:
        ClaimError: another stack owns it, or it cannot be written.
    """
    try:
        members_lock(data_dir).parent.mkdir(parents=True, exist_ok=True)
        file = _lock_file(data_dir).open("a+")
    except OSError as error:
        raise ClaimError(f"DATA_DIR {data_dir} cannot be written: {error.strerror}.") from error
    with file:
        if not _lock(file.fileno()):
            raise ClaimError(
                f"DATA_DIR {data_dir} is in use by another stack (process "
                f"{_owner(data_dir) or 'unknown'}): end it with `make down`, or choose another."
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        if not _wait(lambda: _is_free(members_lock(data_dir)), _LEFTOVERS_S):
            raise ClaimError(f"Processes of an earlier stack in {data_dir} are still running.")
        try:
            yield
        finally:
            file.truncate(0)


def end_other(data_dir: Path) -> str:
    """End the stack of ``data_dir``, if there is one, and wait until all of it is gone.

    Returns:
        What was found, as a sentence.

    Raises:
        ClaimError: it does not end.
    """
    lock, members = _lock_file(data_dir), members_lock(data_dir)
    if _is_free(lock) and _is_free(members):
        return f"Nothing is running in {data_dir}."
    owner = _owner(data_dir)
    if not _is_free(lock):
        if owner is None:
            raise ClaimError(f"The stack in {data_dir} is just starting or ending; try again.")
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner, signal.SIGTERM)
    if not _wait(lambda: _is_free(lock) and _is_free(members), _END_S):
        raise ClaimError(f"The stack in {data_dir} has not ended within {_END_S:g} seconds.")
    return f"The stack in {data_dir} has ended."


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "run" / "lock"


def _owner(data_dir: Path) -> int | None:
    text = _lock_file(data_dir).read_text().strip()
    return int(text) if text.isdigit() else None


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(path: Path) -> bool:
    try:
        with path.open("r") as file:
            return _lock(file.fileno())
    except FileNotFoundError:
        return True


def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
