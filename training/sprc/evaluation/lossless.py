"""A picture as a service may have it: the pixels that an evaluation of weights reads."""

from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image

from sprc.datasets.pictures import DAMAGED, PictureError

MAX_BYTES: Final = 10 << 20
"""What a service takes."""


def encode_lossless(path: Path) -> bytes:
    """A file's picture in RGB, without EXIF rotation, as PNG or, over 10 MiB, as lossless WebP.

    The pixels are exactly those of the file if it is RGB or gray. Raises `PictureError` for a
    damaged file, or one that is too large in either form.
    """
    try:
        with Image.open(path) as image:
            pixels = image.convert("RGB")
    except DAMAGED as error:
        raise PictureError(
            f"{path} cannot be read as a picture ({type(error).__name__})"
        ) from error
    content = _saved(pixels, format="PNG", compress_level=1)
    if len(content) > MAX_BYTES:
        content = _saved(pixels, format="WEBP", lossless=True, quality=50)
    if len(content) > MAX_BYTES:
        raise PictureError(f"{path} is over the service's limit of 10 MiB even as lossless WebP")
    return content


def _saved(pixels: Image.Image, **options: Any) -> bytes:
    content = BytesIO()
    pixels.save(content, **options)
    return content.getvalue()
