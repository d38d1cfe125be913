"""From the bytes of a picture to pixels, and to the bytes that are kept.

Whatever is kept is read alike by all that come after, the service, the trainer and plain Pillow: 8
bits a sample, gray or RGB, upright without EXIF, opaque, and within what the service takes. A JPEG,
PNG or WebP file that is so already keeps its bytes. Any other is written anew: its first frame,
upright, on white, no side longer than `REDUCED_SIDE`.
"""

import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import Final

import numpy as np
from PIL import Image

from catalog.pictures.refused import PictureRefused
from retrieval.errors import SENTENCES, ImageTooLarge, InvalidImage, Reason, UnsupportedImage
from retrieval.preprocess.exif import read_orientation, turn_upright
from retrieval.preprocess.limits import MAX_ASPECT, MAX_BYTES, MAX_PIXELS, MAX_SIDE
from retrieval.preprocess.upload import normalise_upload

MAX_FILE_BYTES: Final = 20 << 20
MAX_FILE_PIXELS: Final = 50_000_000
MIN_SIDE: Final = 64
"""Pixels; below it there is a thumbnail or a spacer, and no detail to put into words."""
REDUCED_SIDE: Final = 3_000
"""Longest side in pixels. Even noise, as a JPEG of this size, is less than the service's 10 MiB."""
FLAT: Final = 6
"""Gray levels within which a picture is of one colour; the flattest of 4,077 photos of clothes
spans 74."""

READ_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What a shop or a data set may bring: no other of Pillow's parsers looks at it."""
# Pillow calls a JPEG with a second picture behind it MPO.
_SUFFIXES: Final = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp"}
KEPT_FORMATS: Final = ("JPEG", "PNG", "WEBP")
"""Those of them that kept files need; the first one reads MPO, too."""
_PLAIN_MODES: Final = frozenset({"1", "L", "P", "RGB"})
_JPEG_QUALITY: Final = 95
# The list of filters for warnings is the process's; threads change it one at a time.
_WARNINGS: Final = Lock()
# What Pillow is known to raise on damaged files of these formats, besides OSError.
_DAMAGED: Final = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


@dataclass(frozen=True)
class Readable:
    """A picture that can be kept."""

    image: Image.Image
    """Mode RGB, upright, as it is kept."""
    content: bytes
    suffix: str
    """Of the file's name; follows from the content."""


def read_picture(content: bytes) -> Readable:
    """Check a picture, cheapest first: bytes, header, and only then pixels.

    Raises:
        PictureRefused: It is empty, no picture, damaged or cut short, of an unknown format, too
            large or too small, or shows one colour.
    """
    if not content:
        raise PictureRefused("IMAGE_EMPTY", "The picture is empty.")
    if len(content) > MAX_FILE_BYTES:
        raise PictureRefused("IMAGE_TOO_MANY_BYTES", "The picture is larger than 20 MiB.")
    header = _open(content)
    _check_size(*header.size)
    kept = _is_plain(header) and len(content) <= MAX_BYTES and _is_small(header)
    image = _decode_served(content) if kept else _decode(header)
    _check_not_flat(image)
    if kept:
        return Readable(image, content, _SUFFIXES[header.format or ""])
    image.thumbnail((REDUCED_SIDE, REDUCED_SIDE), Image.Resampling.LANCZOS)
    return _written_anew(image, lossy=header.format in ("JPEG", "MPO", "WEBP"))


def read_pixels(content: bytes) -> Image.Image:
    """Mode RGB, upright, of a file that need not be fit to be kept. Raises `PictureRefused`."""
    header = _open(content)
    if header.width * header.height > MAX_FILE_PIXELS:
        raise _too_many_pixels()
    return _decode(header)


def _open(content: bytes) -> Image.Image:
    """The header, its bombs included: `_check_size` judges them, by one sentence for all."""
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(BytesIO(content), formats=READ_FORMATS)
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except _DAMAGED:
        raise PictureRefused(
            "IMAGE_NOT_AN_IMAGE",
            "The picture is none, or neither JPEG, PNG, WebP, GIF, BMP, TIFF nor AVIF.",
        ) from None


def _check_size(width: int, height: int) -> None:
    short, long = sorted((width, height))
    if width * height > MAX_FILE_PIXELS:
        raise _too_many_pixels()
    if short < MIN_SIDE:
        raise PictureRefused(
            "IMAGE_TOO_SMALL", f"Each side of a picture needs {MIN_SIDE} pixels or more."
        )
    if long > short * MAX_ASPECT:
        raise PictureRefused("IMAGE_ASPECT_RATIO", "The picture is too long for its width.")


def _too_many_pixels() -> PictureRefused:
    return PictureRefused("IMAGE_TOO_MANY_PIXELS", "The picture has more than 50 megapixels.")


def _is_plain(header: Image.Image) -> bool:
    """Whether every reader sees the same in the file."""
    return (
        header.format in _SUFFIXES
        and header.mode in _PLAIN_MODES
        and not header.has_transparency_data
        and read_orientation(header.info.get("exif", b"")) == 1
    )


def _is_small(header: Image.Image) -> bool:
    """Whether the service takes as many pixels."""
    return header.width * header.height <= MAX_PIXELS and max(header.size) <= MAX_SIDE


def _decode_served(content: bytes) -> Image.Image:
    """Pixels by the service's own reader, which notices a cut better than Pillow alone does."""
    try:
        return normalise_upload(content)
    except (InvalidImage, ImageTooLarge, UnsupportedImage) as error:
        message = SENTENCES[error.reason].replace("The image", "The picture")
        if error.reason is Reason.IMAGE_FORMAT_UNSUPPORTED:
            message = "The picture is of a kind of JPEG, PNG or WebP that few programs read."
        raise PictureRefused(str(error.reason), message) from None


def _decode(header: Image.Image) -> Image.Image:
    """Pixels of the first frame: upright, on white, RGB."""
    try:
        header.load()
        image = turn_upright(header, read_orientation(header.info.get("exif", b"")))
    except _DAMAGED:
        raise PictureRefused("IMAGE_CORRUPT", "The picture is damaged or cut short.") from None
    return _on_white(image)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # convert() would clip everything over 255.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        # convert("RGB") would show the colour that lies hidden under the transparent parts.
        layered = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(layered, mask=layered)
        return canvas
    return image.convert("RGB")


def _check_not_flat(image: Image.Image) -> None:
    # Means of small tiles, so that neither noise nor one stray pixel counts as a picture.
    tiles = np.asarray(image.resize((64, 64), Image.Resampling.BOX))
    if np.ptp(tiles, axis=(0, 1)).max() <= FLAT:
        raise PictureRefused("IMAGE_FLAT", "The picture shows one colour and nothing else.")


def _written_anew(image: Image.Image, *, lossy: bool) -> Readable:
    if not lossy:
        stream = BytesIO()
        image.save(stream, "PNG")
        if stream.tell() <= MAX_BYTES:
            return Readable(image, stream.getvalue(), ".png")
    stream = BytesIO()
    image.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return Readable(image, stream.getvalue(), ".jpg")
