"""The part of a bundle that gateways read, in a folder that they look at while they run.

A gateway needs ``bundle.json`` and ``tokenizer.json``; the graphs are Triton's. A model is
published once it is here, and one that is older than another here is refused.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from publisher.repository import PublishError
from retrieval.bundle import SHORT_DIGEST_LENGTH, Bundle, BundleError, load_bundle
from retrieval.bundle_age import older_than

_FILES: Final = ("tokenizer.json", "bundle.json")
_ASIDE_PREFIX: Final = ".publish-"


class OlderModel(PublishError):
    """A model that was trained later is published already."""


def require_newest(bundle_dir: Path, folder: Path) -> None:
    """Raise `OlderModel` where a bundle in ``folder`` is newer; ``folder`` need not be there.

    A bundle there that cannot be read is none that a gateway uses, and is passed over. Raises
    BundleError where the one in ``bundle_dir`` cannot.
    """
    bundle = load_bundle(bundle_dir)
    for path in sorted(folder.glob(f"{'[0-9a-f]' * SHORT_DIGEST_LENGTH}/bundle.json")):
        with contextlib.suppress(BundleError):
            if told := older_than(bundle, load_bundle(path.parent)):
                raise OlderModel(f"{told}: publish it all the same with --allow-older")


def keep_bundle(bundle_dir: Path, folder: Path, *, allow_older: bool = False) -> Bundle:
    """Put a bundle's files into ``folder/<first 12 digits of its digest>``.

    The folder appears in one step. Safe to repeat and to interrupt. Raises
    `retrieval.bundle.BundleError`, `OlderModel` or OSError.
    """
    bundle = load_bundle(bundle_dir, verify=True)
    if not allow_older:
        require_newest(bundle_dir, folder)
    target = folder / bundle.short_digest
    folder.mkdir(parents=True, exist_ok=True)
    if all(_equal(bundle_dir / name, target / name) for name in _FILES):
        return bundle
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE_PREFIX, dir=folder))
    try:
        copy = aside / "new"
        copy.mkdir()
        for name in _FILES:
            shutil.copyfile(bundle_dir / name, copy / name)
            _sync(copy / name)
        _sync(copy)
        if target.exists():
            target.rename(aside / "old")
        copy.rename(target)
        _sync(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return bundle


def forget_bundle(model: str, folder: Path) -> None:
    """Remove the files of a model, by short digest; they need not be there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder / model)


def _equal(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
