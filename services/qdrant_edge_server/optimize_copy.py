"""`python -m qdrant_edge_server.optimize_copy SOURCE TARGET`: a copy of a shard, optimised.

A process of its own, since the engine freezes the process that it optimises in. It talks with its
parent by lines: it prints `ready`; a line on stdin says that nobody writes to SOURCE now; `copied`
says that somebody may again; `optimised` or `unchanged` is the end. TARGET is on the disk by then.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
from pathlib import Path

import qdrant_edge as edge

READY, COPIED, OPTIMISED, UNCHANGED = "ready", "copied", "optimised", "unchanged"
_CHUNK_BYTES = 4 * 2**20
_NICE = 10  # once nobody waits for the copy, searches come first
_PR_SET_PDEATHSIG = 1


def main(source: Path, target: Path) -> None:
    _die_with_parent()
    print(READY, flush=True)  # noqa: T201 - its protocol
    if not sys.stdin.readline():
        return
    copy_tree(source, target)
    print(COPIED, flush=True)  # noqa: T201
    os.nice(_NICE)
    shard = edge.EdgeShard.load(str(target))
    optimised = shard.optimize()
    shard.flush()
    shard.close()
    _sync_tree(target)
    print(OPTIMISED if optimised else UNCHANGED, flush=True)  # noqa: T201


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder of plain files, leaving out the holes: the engine's files are mostly holes."""
    target.mkdir()
    for folder, folders, files in os.walk(source):
        into = target / Path(folder).relative_to(source)
        for name in folders:
            (into / name).mkdir()
        for name in files:
            _copy_file(Path(folder) / name, into / name)


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        writer.truncate(size)
        end = 0
        while end < size:
            try:
                start = os.lseek(reader.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:  # nothing but a hole up to the end
                    raise
                break
            end = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            while start < end:
                chunk = os.pread(reader.fileno(), min(_CHUNK_BYTES, end - start), start)
                os.pwrite(writer.fileno(), chunk, start)
                start += len(chunk)


def _sync_tree(path: Path) -> None:
    for folder, _, files in os.walk(path):
        for name in (".", *files):
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _die_with_parent() -> None:
    """Ask Linux for SIGKILL when the parent ends: frozen, this process would not notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
