"""How a command ends: 0, or one sentence on stderr and 1."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.bundle import BundleError
from retrieval.errors import RecomposeError
from sprc.checkpoint import CheckpointError
from sprc.datasets.pictures import PictureError
from sprc.datasets.records import DataError
from sprc.evaluation.backends import BackendError
from sprc.evaluation.endpoint import ServiceError
from sprc.submission import SubmissionError
from sprc.training.errors import TrainingError
from sprc.words import WordsError

USER_ERRORS = (
    BackendError,
    BundleError,
    CheckpointError,
    DataError,
    PictureError,
    SubmissionError,
    RecomposeError,
    ServiceError,
    TrainingError,
    WordsError,
)
INTERRUPTED = 130


def run_command(name: str, work: Callable[[], None]) -> int:
    """Do the work of a command; returns its exit code.

    What the user can put right ends in a sentence; anything else is a bug and keeps its trace.
    """
    # Reading workers are forked, which the tokenizer's own threads would complain about.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        work()
    except USER_ERRORS as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{name}: {where}{error.strerror or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, as Ctrl-C does, so that what must be undone is undone.

    Not to be held while a loader's processes start: they would inherit it.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
