"""What the commands of backup and restore have in common: how their failures are told."""

import sys
from collections.abc import Callable

from gateway.backup.failures import BackupFailed, BackupRefused
from retrieval.errors import DependencyError, RecomposeError

FAILED = 1
INCOMPLETE = 3


def run_told(work: Callable[[], int]) -> int:
    """Run a command; a failure is one sentence on stderr and status 1."""
    try:
        return work()
    except BackupRefused as error:
        return _fail(f"refused, and nothing was changed: {error}")
    except BackupFailed as error:
        return _fail(f"nothing was changed: {error}")
    except DependencyError as error:
        return _fail(f"{error.dependency}: {error.sentence}")
    except RecomposeError as error:
        return _fail(error.sentence)
    except OSError as error:
        return _fail(reason_of(error))
    except KeyboardInterrupt:
        return _fail("ended; run it again to go on")


def reason_of(error: BackupFailed | OSError) -> str:
    """Why, in a sentence without its full stop."""
    if isinstance(error, OSError):
        return f"{error.filename or 'the backup'}: {error.strerror or error}"
    return str(error)


def _fail(sentence: str) -> int:
    print(f"gateway: {sentence.rstrip('.')}.", file=sys.stderr)
    return FAILED
