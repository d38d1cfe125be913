"""Copying a bundle's graphs into a model repository, so that no reader ever sees half of one.

Each graph becomes a folder named after the bundle's digest (``image_encoder_1a2b3c4d5e6f``), so
bundles live side by side. A folder is written aside, synced to disk and renamed into its place.

A reranker is named after a digest of its own, and its folder says in ``space.txt``, which Triton
passes over, whose it is. Another one of the same bundle takes a place beside it: gateways that run
ask for the one that they began with. All of them go with the bundle's graphs.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from retrieval.bundle import (
    GRAPHS,
    RERANKER,
    SHORT_DIGEST_LENGTH,
    Bundle,
    load_bundle,
    model_name,
)

_SPACE_NAME = "space.txt"
_LOCK_NAME = ".publish.lock"
_ASIDE_PREFIX = ".publish-"


class PublishError(Exception):
    """A bundle cannot be published; the text is one sentence for an operator."""


@dataclass(frozen=True, slots=True)
class Published:
    """What lies in the repository now.

    Attributes:
        bundle: the contents of ``bundle.json``.
        models: model names in the order of `retrieval.bundle.GRAPHS`, a reranker's last.
        changed: those of them that were not there already, file for file.
    """

    bundle: Bundle
    models: tuple[str, ...]
    changed: frozenset[str]


def copy_bundle(bundle_dir: Path, repository: Path) -> Published:
    """Verify a bundle and copy its graphs into a model repository.

    Safe to repeat and to interrupt: what is there and equal stays as it is, and what a killed
    run left aside is removed by the next one. Raises `retrieval.bundle.BundleError` when the
    bundle is not what its digest says, and `PublishError` or OSError when it cannot be copied.
    """
    bundle = load_bundle(bundle_dir, verify=True)
    models = {name: bundle_dir / graph for graph, name in bundle.models.items()}
    wanted = {name: _fingerprint(source) for name, source in models.items()}
    repository.mkdir(parents=True, exist_ok=True)
    changed = set()
    with _locked(repository):
        for name, source in models.items():
            target = repository / name
            if target.is_dir() and _fingerprint(target) == wanted[name]:
                continue
            space = bundle.short_digest if source.name == RERANKER else ""
            _replace(source, target, wanted[name], space)
            changed.add(name)
    return Published(bundle=bundle, models=tuple(models), changed=frozenset(changed))


def require_digest(bundle_dir: Path, digest: str) -> None:
    """Raise `PublishError` unless the bundle's digest begins with ``digest`` (hex).

    What the bundle says of itself is compared: `copy_bundle` checks that it is true.
    """
    found = load_bundle(bundle_dir).digest
    if not found.startswith(digest):
        raise PublishError(f"the bundle is {found[:12]}, and {digest} was asked for")


def models_of(digest: str, repository: Path) -> list[str]:
    """Names of what a bundle may have in a repository: its graphs, there or not, and every
    reranker that was published with it. Raises OSError."""
    spaces = sorted(repository.glob(f"{RERANKER}_*/{_SPACE_NAME}"))
    own = digest[:SHORT_DIGEST_LENGTH]
    rerankers = [path.parent.name for path in spaces if path.read_text() == own]
    return [model_name(graph, digest) for graph in GRAPHS] + rerankers


def remove_models(digest: str, repository: Path) -> None:
    """Remove a bundle's models from a repository; they need not be there.

    Triton must have unloaded them. Each goes in one step, so no reader sees half of one. Raises
    OSError.
    """
    if not repository.is_dir():
        return
    with _locked(repository):
        for name in models_of(digest, repository):
            target = repository / name
            if target.is_dir():
                aside = Path(tempfile.mkdtemp(prefix=_ASIDE_PREFIX, dir=repository))
                target.rename(aside / "old")
                shutil.rmtree(aside)


def _replace(source: Path, target: Path, wanted: dict[str, bytes], space: str) -> None:
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE_PREFIX, dir=target.parent))
    try:
        copy = aside / "new"
        for name in wanted:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, copy / name)
            _sync(copy / name)
        if space:
            (copy / _SPACE_NAME).write_text(space)
            _sync(copy / _SPACE_NAME)
        _sync(copy / "1")
        _sync(copy)
        if _fingerprint(copy) != wanted:
            raise PublishError(f"{source} changed while it was being copied")
        if target.exists():  # the same digest with another config.pbtxt, or a damaged copy
            target.rename(aside / "old")
        copy.rename(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _fingerprint(model: Path) -> dict[str, bytes]:
    """sha256 of ``config.pbtxt`` and of each file of version 1, by path within the model."""
    files = [model / "config.pbtxt"]
    if (model / "1").is_dir():
        files += sorted(path for path in (model / "1").iterdir() if path.is_file())
    prints = {}
    for file in files:
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").digest()
        except FileNotFoundError:
            raise PublishError(f"{model} has no {file.name}") from None
        prints[file.relative_to(model).as_posix()] = digest
    return prints


@contextmanager
def _locked(repository: Path) -> Iterator[None]:
    """One publisher at a time; what an earlier one left aside is removed first."""
    with (repository / _LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in repository.glob(f"{_ASIDE_PREFIX}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
