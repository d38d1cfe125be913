"""From an uploaded file to the picture that everything else works on: 8-bit RGB, upright.

What is refused, and with what, is the table of bad inputs in docs/reliability.md. The order is by
cost: bytes, format, structure, size from the header, and only then pixels. Nothing here is
global, so any number of threads may call it.
"""

from collections.abc import Callable, Collection
from io import BytesIO
from typing import Final

import numpy as np
from PIL import AvifImagePlugin, GifImagePlugin, Image, ImageFile

from retrieval.errors import ImageTooLarge, InvalidImage, Reason, UnsupportedImage
from retrieval.preprocess.container import Container, open_header, open_with
from retrieval.preprocess.exif import read_orientation, turn_upright
from retrieval.preprocess.image_format import ImageFormat, detect_format, is_other_picture
from retrieval.preprocess.jpeg import parse_jpeg
from retrieval.preprocess.limits import MAX_BYTES, check_size
from retrieval.preprocess.png import parse_png
from retrieval.preprocess.webp import parse_webp

DEFAULT_FORMATS: Final = frozenset({ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP})


def normalise_upload(
    data: bytes, *, formats: Collection[ImageFormat] = DEFAULT_FORMATS
) -> Image.Image:
    """Decode an uploaded picture.

    The first frame counts. EXIF orientation is applied, 16-bit samples keep their high byte, what
    is transparent lies on white, CMYK is converted without a profile, and ICC profiles are not
    applied: pixels are read as sRGB.

    Args:
        data: The file.
        formats: What may be read; GIF and AVIF are off by default.

    Returns:
        A picture of mode RGB without any metadata.

    Raises:
        InvalidImage: Empty, no picture, damaged, cut short, too small, too long, or a bomb.
        ImageTooLarge: Too many bytes or pixels.
        UnsupportedImage: A picture of another format.
    """
    if not data:
        raise InvalidImage(Reason.IMAGE_EMPTY)
    if len(data) > MAX_BYTES:
        raise ImageTooLarge(Reason.IMAGE_TOO_MANY_BYTES)
    image_format = detect_format(data)
    if image_format is None and not is_other_picture(data):
        raise InvalidImage(Reason.IMAGE_NOT_AN_IMAGE)
    if image_format is None or image_format not in formats:
        raise UnsupportedImage(Reason.IMAGE_FORMAT_UNSUPPORTED)
    container = _PARSERS[image_format](data)
    image = turn_upright(_to_rgb(container.decode()), container.orientation)
    image.info.clear()
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """A new picture of mode RGB."""
    if image.mode.startswith("I;16"):
        # convert() would clip everything over 255.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        # convert("RGB") would show the colour that lies hidden under the transparent parts.
        layered = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(layered, mask=layered)
        return canvas
    return image.convert("RGB")


def _parse_with(
    plugin: Callable[[BytesIO], ImageFile.ImageFile],
) -> Callable[[bytes], Container]:
    """The reader of a format whose structure is left to Pillow."""

    def parse(data: bytes) -> Container:
        header = open_header(plugin, data)
        check_size(*header.size)
        orientation = read_orientation(header.info.get("exif", b""))
        return Container(orientation, lambda: open_with(plugin, data))

    return parse


_PARSERS: Final[dict[ImageFormat, Callable[[bytes], Container]]] = {
    ImageFormat.JPEG: parse_jpeg,
    ImageFormat.PNG: parse_png,
    ImageFormat.WEBP: parse_webp,
    ImageFormat.GIF: _parse_with(GifImagePlugin.GifImageFile),
    ImageFormat.AVIF: _parse_with(AvifImagePlugin.AvifImageFile),
}
