"""Ctrl-C and SIGTERM let the step that runs finish, so that its state can be kept."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sprc.training.errors import TrainingError


class Interrupted(TrainingError):
    """The run was asked to stop; its state is kept."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


class StopRequest:
    """The signal that asked to stop, once there was one."""

    signum: int | None = None


@contextmanager
def noticing_signals() -> Iterator[StopRequest]:
    """Note the first SIGINT or SIGTERM; a second one acts as it would without this."""
    request = StopRequest()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(signum: int, frame: FrameType | None) -> None:
        request.signum = signum
        restore()

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
