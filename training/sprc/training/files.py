"""Files that appear whole or not at all: written aside, synced, renamed, with a sha256 beside."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sprc.base import ImageTextModel
from sprc.checkpoint import save_checkpoint
from sprc.training.errors import TrainingError

_CHUNK_BYTES = 1 << 22


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to; it takes `path`'s place when the block ends well.

    Raises `TrainingError` where the disk does not take it; what was written is removed then.
    """
    aside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        sync(aside)
        aside.replace(path)
        sync(path.parent)
    # PyTorch's writer reports a full disk as a RuntimeError.
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"{path} could not be written: {_reason(error)}") from error
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A small file, whole or not at all. Raises `TrainingError`."""
    with writing(path) as aside:
        aside.write_text(text)


def write_checkpoint(model: ImageTextModel, path: Path, *, epoch: int, target_ratio: float) -> None:
    """A checkpoint with ``config.json`` and its sha256 beside it. Raises `TrainingError`."""
    # A folder of its own, because a checkpoint brings its config.json along.
    aside = path.with_name(f".{path.stem}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        save_checkpoint(
            model,
            aside / path.name,
            epoch=epoch,
            target_ratio=target_ratio,
            trained_at=datetime.now(UTC),
        )
        checksum = sha256(aside / path.name)
        sync(aside / "config.json")
        (aside / "config.json").replace(path.with_name("config.json"))
        (aside / path.name).replace(path)
        sync(path.parent)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"{path} could not be written: {_reason(error)}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    write_text(checksum_path(path), f"{checksum}  {path.name}\n")


def checksum_path(path: Path) -> Path:
    """Where a file's sha256 lies, in the format of sha256sum."""
    return path.with_name(f"{path.name}.sha256")


def sha256(path: Path) -> str:
    """Hex digest of a file's content. Raises `OSError`."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Have a file's content, or a folder's entries, on the disk. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: BaseException) -> str:
    """What the system said; PyTorch's writer raises an error of its own behind it."""
    first = str(error).split("\n")[0]
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return first
