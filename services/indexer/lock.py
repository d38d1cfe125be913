"""One import at a time with one checkpoint: two would write over each other's."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another import uses the checkpoint."""


@contextmanager
def alone_with(checkpoint: Path) -> Iterator[None]:
    """Hold the checkpoint for the block; the kernel lets go of it when the process ends.

    The lock lies beside the checkpoint, which itself is replaced at every step.

    Raises:
        AlreadyRunningError: another process holds it.
        OSError: the lock cannot be made.
    """
    with checkpoint.with_name(checkpoint.name + ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError from None
        yield
