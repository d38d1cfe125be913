"""The folder of pictures: each once, named by the sha256 of its bytes."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

from catalog.pictures.fingerprints import fingerprint
from catalog.pictures.reading import Readable, read_picture
from catalog.pictures.refused import PictureRefused
from catalog.products import IMAGES

__all__ = ["PictureRefused", "PictureStore", "StoredPicture"]


@dataclass(frozen=True)
class StoredPicture:
    """A picture that the store has."""

    path: str
    """Relative to the store's folder, as `Product.images` has it."""
    sha256: str
    """Of the bytes that are kept; 64 hex digits."""
    width: int
    """Pixels, upright; so is `height`."""
    height: int
    fingerprint: int
    """64 bits; see `catalog.pictures.fingerprints`."""


class PictureStore:
    """Pictures below ``folder/images``; any number of threads may add to it."""

    def __init__(self, folder: Path) -> None:
        """A store in the folder of `products.jsonl`; folders are made as they are needed."""
        self._folder = folder

    def add(self, content: bytes) -> StoredPicture:
        """Check a picture and keep it; one that is there already is not written again.

        Raises:
            PictureRefused: The picture cannot be used.
            OSError: It cannot be written; what was there stays whole.
        """
        picture = read_picture(content)
        digest = hashlib.sha256(picture.content).hexdigest()
        path = f"{IMAGES}/{digest[:2]}/{digest}{picture.suffix}"
        self._write(self._folder / path, picture)
        return StoredPicture(
            path=path,
            sha256=digest,
            width=picture.image.width,
            height=picture.image.height,
            fingerprint=fingerprint(picture.image),
        )

    def sweep(self) -> None:
        """Remove what a kill has left half written; not while another process adds."""
        for partial in (self._folder / IMAGES).glob("*/.*.partial"):
            partial.unlink(missing_ok=True)

    def _write(self, path: Path, picture: Readable) -> None:
        try:
            # A length that differs is what a power cut or a disk's fault may leave.
            if path.stat().st_size == len(picture.content):
                return
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{get_ident()}.partial")
        try:
            with partial.open("wb") as file:
                file.write(picture.content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
