"""``python child.py SUPERVISOR LOCK COMMAND...``: becomes COMMAND, tied to its supervisor.

Where the kernel can (Linux), the process gets SIGTERM when the supervisor dies, however it dies.
It also holds a shared lock on the file LOCK until it and what it started are gone.
"""

import ctypes
import fcntl
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Tie, then become the command."""
    supervisor, lock, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # It may have died before the line above took effect.
    if os.getppid() != int(supervisor):
        sys.exit(1)
    descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.set_inheritable(descriptor, True)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
