"""Which pictures show the very same: near fingerprints, and then the same colours all over.

Measured as `catalog.pictures.fingerprints` was, on the means of 16x16 tiles in RGB: copies that
were encoded anew or resized differ by at most 7.0 (root mean square of all) and 30 (largest of
all); different clothes with near fingerprints by 9 and 36 or more, the same cut in another colour
by 20 and more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog.pictures.near import NEAR, bits_set, near_duplicates
from catalog.pictures.reading import read_pixels
from catalog.pictures.refused import PictureRefused

MAX_RMS: Final = 8.0
MAX_DIFFERENCE: Final = 32
_TILES: Final = 16


@dataclass(frozen=True)
class _Seen:
    path: str
    pixels: int
    size_bytes: int
    tiles: NDArray[Any]
    """[16, 16, 3] int16."""


def near_identical(folder: Path, fingerprints: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Groups of two or more pictures that show the same, the largest of each first.

    Args:
        folder: What the pictures' paths are relative to.
        fingerprints: Those of all pictures, as `read_fingerprints` gives them. Only pictures whose
            fingerprints are near another's are opened.

    Each picture of a group is alike its first, so that no chain leads from one product to another.
    """
    groups = []
    for near in near_duplicates(fingerprints):
        seen = [found for path in near if (found := _look(folder, path)) is not None]
        groups.extend(_alike(seen, fingerprints))
    return sorted(groups)


def _alike(seen: list[_Seen], fingerprints: Mapping[str, int]) -> list[tuple[str, ...]]:
    seen.sort(key=lambda picture: (-picture.pixels, -picture.size_bytes, picture.path))
    heads = np.empty((len(seen), _TILES, _TILES, 3), np.int16)
    marks = np.empty(len(seen), np.uint64)
    groups: list[list[str]] = []
    for picture in seen:
        mark = np.uint64(fingerprints[picture.path])
        # Packshots chain into large groups; most heads are ruled out by their fingerprints.
        near = np.flatnonzero(bits_set(marks[: len(groups)] ^ mark) <= NEAR)
        apart = np.abs(heads[near] - picture.tiles).astype(np.float32)
        rms = np.sqrt((apart**2).mean(axis=(1, 2, 3)))
        fits = near[(rms <= MAX_RMS) & (apart.max(axis=(1, 2, 3), initial=0) <= MAX_DIFFERENCE)]
        if len(fits):
            groups[int(fits[0])].append(picture.path)
        else:
            heads[len(groups)], marks[len(groups)] = picture.tiles, mark
            groups.append([picture.path])
    return [tuple(group) for group in groups if len(group) > 1]


def _look(folder: Path, path: str) -> _Seen | None:
    try:
        content = (folder / path).read_bytes()
        image = read_pixels(content)
    except (OSError, PictureRefused):
        return None
    tiles = image.resize((_TILES, _TILES), Image.Resampling.BOX)
    return _Seen(path, image.width * image.height, len(content), np.asarray(tiles, np.int16))
