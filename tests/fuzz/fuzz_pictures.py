"""Decoding an uploaded picture: it is read, or refused with one of the three errors it names."""

import itertools

from PIL import Image

from retrieval.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from retrieval.preprocess.image_format import ImageFormat
from retrieval.preprocess.upload import normalise_upload
from tests.support import pictures

LONGEST = 4096
"""Bytes of an input."""


def corpus() -> list[bytes]:
    """Small pictures of every format, mode and layout that a shop may send."""
    small = pictures.textured((24, 20))
    made = [
        pictures.encode(small.convert(mode), "PNG") for mode in ("RGB", "RGBA", "P", "L", "LA", "1")
    ]
    made += [
        pictures.encode(small, "JPEG", progressive=progressive, exif=pictures.exif_block(side))
        for progressive, side in itertools.product((False, True), (1, 6))
    ]
    made += [
        pictures.encode(small.convert("CMYK"), "JPEG"),
        pictures.encode(small, "WEBP", exif=pictures.exif_block(3)),
        pictures.encode(small.convert("RGBA"), "WEBP", lossless=True),
        pictures.encode(Image.new("I;16", (24, 20), 40_000), "PNG"),
        pictures.encode(small, "GIF"),
        pictures.encode(small, "AVIF"),
    ]
    return made


def TestOneInput(data: bytes) -> None:  # noqa: N802 (the name that fuzzers look for)
    try:
        image = normalise_upload(data, formats=tuple(ImageFormat))
    except (InvalidImage, ImageTooLarge, UnsupportedImage):
        return
    if (image.mode, image.info) != ("RGB", {}):
        raise AssertionError((image.mode, image.info))
    image.tobytes()
