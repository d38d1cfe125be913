"""Stop processes in their tracks, and let them go on."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.stack import Stack


def freeze(pid: int) -> None:
    """SIGSTOP a process and return when the last of its threads stands still.

    The signal takes a moment to reach each thread, and one that it has not reached still answers.
    """
    os.kill(pid, signal.SIGSTOP)
    for _ in range(500):
        files = Path(f"/proc/{pid}/task").glob("*/stat")
        if {file.read_text().rpartition(") ")[2][0] for file in files} == {"T"}:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} did not stop within 5 s")


@contextmanager
def stopped(stack: "Stack", name: str) -> Iterator[None]:
    """SIGSTOP every process of the stack whose command line holds the name, until the end."""
    pids = [pid for pid in _descendants(stack.process.pid) if name in _command(pid)]
    assert pids, f"no process of the stack is called {name}"
    for pid in pids:
        freeze(pid)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:  # it is gone
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found, pending = [], [root]
    while pending:
        parent = pending.pop()
        children = [pid for pid, its in parents.items() if its == parent]
        found += children
        pending += children
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
