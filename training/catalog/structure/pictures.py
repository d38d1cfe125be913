"""Pictures of a data set: linked where every reader sees the same in the file, else written anew.

`sprc` opens .png and .jpg as they are on disk, the service makes 8-bit RGB of an upload first; for
RGB and gray pictures without rotation both see the same pixels. Others (WebP, palettes) are written
as PNG of what the service sees, so nothing is lost to a second compression.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PIL import Image

from catalog.pictures.reading import KEPT_FORMATS
from catalog.progress import progress
from catalog.structure.layout import IMAGES, OWN_PICTURE
from retrieval.errors import RecomposeError
from retrieval.preprocess.exif import read_orientation
from retrieval.preprocess.upload import normalise_upload

_PLAIN: Final = {"JPEG": ".jpg", "PNG": ".png"}
_MODES: Final = frozenset({"L", "RGB"})
_DAMAGED: Final = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class UnusablePicture(Exception):
    """A picture cannot be used; `reason` is one of `set_aside.MESSAGES`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def add_pictures(source: Path, root: Path, pictures: Mapping[str, str]) -> dict[str, str]:
    """Put pictures into a data set; those that are there already are left.

    Args:
        source: The folder of `products.jsonl`.
        root: The data set.
        pictures: Name in the data set -> path in the source.

    Returns:
        Name -> reason, of those that cannot be used.

    Raises:
        OSError: A picture cannot be written; what was written is whole and stays.
    """
    folder = root / IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.stem for path in folder.iterdir() if OWN_PICTURE.fullmatch(path.name)}
    refused = {}
    with progress(len(pictures), "pictures") as bar:
        for name, path in pictures.items():
            if name not in there:
                try:
                    _add(source / path, folder / name)
                except UnusablePicture as error:
                    refused[name] = error.reason
            bar.update()
    return refused


def drop_pictures(root: Path, keep: Mapping[str, str]) -> int:
    """Remove pictures of earlier runs that no file lists any more; others are left alone.

    What a kill has left half written goes too. Returns how many pictures went.
    """
    folder = root / IMAGES
    for partial in folder.glob(".*.partial"):
        if OWN_PICTURE.fullmatch(partial.name.removeprefix(".").removesuffix(".partial")):
            partial.unlink()
    old = [
        path
        for path in folder.iterdir()
        if OWN_PICTURE.fullmatch(path.name) and path.stem not in keep
    ]
    for path in old:
        path.unlink()
    return len(old)


def _add(source: Path, place: Path) -> None:
    """Raises `UnusablePicture`, or `OSError` where it cannot be written."""
    try:
        content = source.read_bytes() if (suffix := _plain_suffix(source)) is None else b""
    except FileNotFoundError:
        raise UnusablePicture("PICTURE_MISSING") from None
    except _DAMAGED:
        raise UnusablePicture("PICTURE_UNREADABLE") from None
    if suffix is not None:
        _whole(place.with_suffix(suffix), lambda partial: _link_or_copy(source, partial))
        return
    try:
        image = normalise_upload(content)
    except RecomposeError:
        raise UnusablePicture("PICTURE_UNREADABLE") from None
    _whole(place.with_suffix(".png"), lambda partial: image.save(partial, format="PNG"))


def _plain_suffix(source: Path) -> str | None:
    """The suffix of a file that can stay as it is; reads the header alone."""
    with Image.open(source, formats=KEPT_FORMATS) as header:
        plain = (
            header.mode in _MODES
            and not header.has_transparency_data
            and read_orientation(header.info.get("exif", b"")) == 1
        )
        # Pillow calls a JPEG with a second picture behind it MPO.
        return _PLAIN.get((header.format or "").replace("MPO", "JPEG")) if plain else None


def _link_or_copy(source: Path, partial: Path) -> None:
    try:
        os.link(source.resolve(), partial)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, partial)


def _whole(place: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there."""
    partial = place.with_name(f".{place.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)
