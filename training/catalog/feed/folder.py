"""The folder in which a feed's pictures lie; no path leads out of it."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import unquote, urlsplit

from catalog.errors import CatalogError
from catalog.pictures.refused import PictureRefused

_SUFFIXES: Final = (
    ".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff",
)  # fmt: skip
"""Those of pictures, in the order in which they are preferred."""
_ADDRESS: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


class PictureFolder:
    """Finds the files of pictures."""

    def __init__(self, feed: Path, images: Path | None) -> None:
        """Pictures lie in `images`; without it beside the feed, or in ``images`` beside it.

        Raises:
            CatalogError: It is no folder, or may not be read.
        """
        folders = [images] if images else [feed.parent, feed.parent / "images"]
        self._folders = []
        for folder in folders:
            if images or folder.is_dir():
                self._folders.append(_readable(folder))

    def by_name(self, name: str) -> Path:
        """The file that a feed names: its path, with or without its suffix, or an address whose
        copy lies in the folder.

        Copies lie as ``wget --mirror`` leaves them, by host and path, or by path alone.

        Raises:
            PictureRefused: There is none, or it lies outside the folder.
        """
        if _ADDRESS.match(name):
            return self._first(_mirrored(name)) or _refuse_address()
        return self._first([name]) or self.by_id(name) or _refuse_missing()

    def by_id(self, product_id: str) -> Path | None:
        """The picture named after a product, ``ID.jpg`` or of another format. Raises as
        `by_name` does."""
        name = self._named.get(unicodedata.normalize("NFC", product_id))
        return self._first([name]) if name else None

    def _first(self, names: Iterable[str]) -> Path | None:
        outside = False
        for name in names:
            for folder in self._folders:
                try:
                    path = (folder / name).resolve(strict=True)
                    is_file = path.is_file()
                except (OSError, ValueError):
                    # No such file; or a name that no file can have.
                    continue
                if is_file and path.is_relative_to(folder):
                    return path
                outside |= is_file
        if outside:
            raise PictureRefused("IMAGE_OUTSIDE_FOLDER", "The picture lies outside the folder.")
        return None

    @cached_property
    def _named(self) -> dict[str, str]:
        """Name without suffix -> name; file systems differ in how they write an accent: NFC."""
        found: dict[str, str] = {}
        for folder in self._folders:
            files = [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]
            files.sort(key=lambda path: (_SUFFIXES.index(path.suffix.lower()), path.name))
            for path in files:
                found.setdefault(unicodedata.normalize("NFC", path.stem), path.name)
        return found


def _readable(folder: Path) -> Path:
    try:
        next(folder.iterdir(), None)
        return folder.resolve(strict=True)
    except NotADirectoryError:
        raise CatalogError(f"{folder} is not a folder") from None
    except OSError as error:
        raise CatalogError(f"{folder} cannot be read: {error.strerror}") from None


def _mirrored(address: str) -> Iterator[str]:
    parts = urlsplit(address)
    path = unquote(parts.path).lstrip("/")
    yield f"{parts.netloc}/{path}"
    yield path


def _refuse_address() -> NoReturn:
    raise PictureRefused(
        "IMAGE_ADDRESS",
        "The picture is an address of which no copy lies in the folder of pictures; a feed's "
        "pictures are not fetched, as those of a crawl are.",
    )


def _refuse_missing() -> NoReturn:
    raise PictureRefused("IMAGE_MISSING", "No such picture lies in the folder of pictures.")
