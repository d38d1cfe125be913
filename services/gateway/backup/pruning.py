"""Removing old backups, and the pictures that only they had."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.backup.folder import BackupFolder
from gateway.backup.reading import OpenBackup


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many backups and pictures went."""

    backups: int
    pictures: int


def prune(folder: BackupFolder, keep: int) -> Pruned:
    """Keep the newest ``keep`` backups, at least one; blocks.

    Backups go first, pictures then: one that is ended on the way leaves only pictures that nobody
    needs, for the next. A picture is known by the first 8 bytes of its name, so that a million of
    them take 8 MB; of two that begin alike both stay.

    Raises:
        BackupDamaged: a backup that stays does not say which pictures it needs; then all pictures
            stay.
        BackupRefused: so does one of another format, or another backup is being written.
        OSError: the disk fails.
    """
    with folder.writing():
        going = folder.names()[: -max(1, keep)]
        for name in going:
            folder.remove(name)
        needed = _needed(folder)
        pictures = 0
        for sha256 in folder.pictures.names():
            if not _contains(needed, _short(sha256)):
                folder.pictures.remove(sha256)
                pictures += 1
    return Pruned(len(going), pictures)


def _needed(folder: BackupFolder) -> NDArray[np.uint64]:
    """The short names of all pictures of all backups, sorted."""
    needed = np.zeros(0, np.uint64)
    for name in folder.names():
        backup = OpenBackup(folder, name)
        for number in range(len(backup.manifest.parts)):
            products = backup.part(number, tokens=False).products
            shown = [
                _short(saved.product.image_sha256) for saved in products if saved.picture_saved
            ]
            needed = np.union1d(needed, np.array(shown, np.uint64))
    return needed


def _short(sha256: str) -> np.uint64:
    return np.uint64(int(sha256[:16], 16))


def _contains(names: NDArray[np.uint64], name: np.uint64) -> bool:
    place = int(np.searchsorted(names, name))
    return place < len(names) and bool(names[place] == name)
