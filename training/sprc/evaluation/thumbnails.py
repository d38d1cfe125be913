"""Small pictures inside a page."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from sprc.datasets.pictures import DAMAGED, PictureError

SIDE: Final = 120
QUALITY: Final = 70


class Thumbnails:
    """Data URIs of pictures, each made once."""

    def __init__(self) -> None:
        self._made: dict[Path, str] = {}

    def uri(self, path: Path) -> str:
        """A JPEG of at most 120 pixels a side as ``data:`` URI. Raises `PictureError`."""
        if path not in self._made:
            self._made[path] = _encode(path)
        return self._made[path]


def _encode(path: Path) -> str:
    content = BytesIO()
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * SIDE, 2 * SIDE))
            small = image.convert("RGB")
            small.thumbnail((SIDE, SIDE))
            small.save(content, format="JPEG", quality=QUALITY)
    except DAMAGED as error:
        raise PictureError(
            f"{path} cannot be read as a picture ({type(error).__name__})"
        ) from error
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
