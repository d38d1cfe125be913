"""A folder that is written whole or not at all, and not again while it is there."""

import fcntl
import glob
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class ForeignDirectoryError(Exception):
    """The output directory holds something that this program did not write."""


def write_whole(
    directory: Path,
    receipt_name: str,
    receipt: Mapping[str, Any],
    fill: Callable[[Path], None],
    complete: Callable[[Path], bool],
) -> Path:
    """Fill ``directory`` unless just that is there already.

    It is filled beside its place and renamed when it is whole; one of another receipt is replaced.
    Calls for one directory wait for each other.

    Args:
        receipt_name: the JSON file that says what the directory holds, written last.
        receipt: what decides the content.
        fill: writes the content into an empty folder.
        complete: whether nothing is missing of a directory with this very receipt.

    Returns:
        ``directory``, absolute.

    Raises:
        ForeignDirectoryError: ``directory`` is a file, or not empty and without a receipt.
    """
    directory = directory.resolve()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _lock(directory.with_name(f".{directory.name}.lock")):
        if _read(directory / receipt_name) == dict(receipt) and complete(directory):
            return directory
        _refuse_foreign(directory, receipt_name)
        for abandoned in directory.parent.glob(f".{glob.escape(directory.name)}.partial-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        partial = directory.with_name(f".{directory.name}.partial-{os.getpid()}")
        partial.mkdir()
        fill(partial)
        (partial / receipt_name).write_text(json.dumps(dict(receipt)) + "\n", encoding="utf-8")
        _put_in_place(partial, directory)
    return directory


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released with the file, also when the process dies
        yield


def _read(receipt: Path) -> Any:
    try:
        return json.loads(receipt.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


def _refuse_foreign(directory: Path, receipt_name: str) -> None:
    if not directory.exists() or (directory / receipt_name).is_file():
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise ForeignDirectoryError(
            f"{directory} holds something else, which is not to be replaced"
        )


def _put_in_place(partial: Path, directory: Path) -> None:
    replaced = directory.with_name(f".{directory.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if directory.exists():
        directory.rename(replaced)
    partial.rename(directory)
    shutil.rmtree(replaced, ignore_errors=True)
