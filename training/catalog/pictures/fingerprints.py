"""Fingerprints: 64 bits that stay nearly the same when a picture is encoded anew or resized.

ImageHash's `phash` (signs of the 8x8 lowest frequencies), because of what it was measured to
separate: 4,077 photos of different clothes (320 pixels), 500 of them also encoded anew (JPEG
quality 60 and 30, WebP 70), halved, doubled and reduced to a third.

    within 6 bits               phash     dhash
    of 3,000 copies             100 %     100 %      at most 4 and 5 bits
    of 8.3 million other pairs  47        552
    copies cropped by 2 %       88 %      88 %

It sees no colour: most of those 47 pairs are the same cut in another colour, laid out alike. Where
a picture shall be dropped, `catalog.pictures.alike` compares colours too.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import imagehash
import numpy as np
from PIL import Image

from catalog.pictures.near import near_duplicates
from catalog.pictures.reading import read_pixels
from catalog.pictures.refused import PictureRefused
from catalog.products import write_text
from catalog.progress import progress

__all__ = ["fingerprint", "keep_fingerprints", "near_duplicates", "read_fingerprints"]

KEPT: Final = "fingerprints.json"
METHOD: Final = "phash-8x8"
"""What was kept by another method is computed anew."""
_AT_ONCE: Final = 256
_UNWRITABLE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def fingerprint(image: Image.Image) -> int:
    """64 bits of a picture, the lowest frequency first; near pictures differ in few of them."""
    bits = imagehash.phash(image).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def read_fingerprints(folder: Path, pictures: Iterable[str]) -> dict[str, int]:
    """Fingerprints of pictures whose paths are relative to `folder`, in their order.

    Those computed are kept in ``folder/fingerprints.json``, if it can be written, and computed
    anew when a file changes. Pictures that cannot be read are left out.
    """
    wanted = list(dict.fromkeys(pictures))
    kept = _Kept(folder)
    known = {path: kept.get(path) for path in wanted}
    missing = [path for path in wanted if known[path] is None]
    if missing:
        try:
            for path, value in _compute(folder, missing):
                known[path] = value
                kept.put(path, value)
        finally:
            kept.write()
    return {path: value for path, value in known.items() if value is not None}


def keep_fingerprints(folder: Path, fingerprints: Mapping[str, int]) -> None:
    """Add what is known already, so that `read_fingerprints` need not open the pictures."""
    kept = _Kept(folder)
    for path, value in fingerprints.items():
        if kept.get(path) != value:
            kept.put(path, value)
    kept.write()


def _compute(folder: Path, pictures: list[str]) -> Iterator[tuple[str, int]]:
    def one(path: str) -> int | None:
        try:
            return fingerprint(read_pixels((folder / path).read_bytes()))
        except (OSError, PictureRefused):
            return None

    # Threads suffice: Pillow decodes without the interpreter's lock. Some at a time, so that an
    # interrupt waits for no more than those.
    with ThreadPoolExecutor(os.cpu_count()) as pool, progress(len(pictures), "fingerprints") as bar:
        for begin in range(0, len(pictures), _AT_ONCE):
            some = pictures[begin : begin + _AT_ONCE]
            for path, value in zip(some, pool.map(one, some), strict=True):
                bar.update()
                if value is not None:
                    yield path, value


class _Kept:
    """The file of fingerprints; an unreadable one counts as empty, as it can be made again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed = False
        self._rows: dict[str, list[Any]] = {}
        try:
            content = json.loads((folder / KEPT).read_text(encoding="utf-8"))
            if content["method"] == METHOD:
                self._rows = dict(content["pictures"])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def get(self, path: str) -> int | None:
        """The fingerprint of a file that has not changed since."""
        try:
            *state, value = self._rows[path]
            return int(value, 16) if state == self._state(path) else None
        except (KeyError, OSError, ValueError, TypeError):
            return None

    def put(self, path: str, value: int) -> None:
        self._rows[path] = [*self._state(path), f"{value:016x}"]
        self._changed = True

    def write(self) -> None:
        if not self._changed:
            return
        content = json.dumps({"method": METHOD, "pictures": self._rows}, ensure_ascii=False)
        try:
            write_text(self._folder / KEPT, content + "\n")
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise

    def _state(self, path: str) -> list[int]:
        state = (self._folder / path).stat()
        return [state.st_size, state.st_mtime_ns]
