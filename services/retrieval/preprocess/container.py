"""What the readers of the picture formats share: a parsed file, and how Pillow's errors end.

Each reader (`png`, `jpeg`, `webp`) walks the structure of a file itself, so that a size, a cut or
a bomb is seen before a pixel is decoded, and hands Pillow only what the pixels need: no ICC
profile, no texts, no second picture, nothing that trails the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageFile

from retrieval.errors import ImageTooLarge, InvalidImage, Reason

_DAMAGED: Final = (OSError, SyntaxError, ValueError, EOFError, RuntimeError)
"""What Pillow raises of a damaged file; RuntimeError is that of libavif."""


@dataclass(frozen=True, slots=True)
class Container:
    """A picture file whose structure and size hold; `decode` reads its pixels.

    Attributes:
        orientation: EXIF orientation, 1 to 8; 1 where there is none that can be read.
        decode: Decodes the first frame, in whatever Pillow mode the file has. Raises
            `InvalidImage`.
    """

    orientation: int
    decode: Callable[[], Image.Image]


def truncated() -> InvalidImage:
    """The error of a file that ends before its structure does."""
    return InvalidImage(Reason.IMAGE_TRUNCATED)


def corrupt() -> InvalidImage:
    """The error of a file whose structure or pixels contradict themselves."""
    return InvalidImage(Reason.IMAGE_CORRUPT)


def open_with(plugin: Callable[[BytesIO], ImageFile.ImageFile], content: bytes) -> Image.Image:
    """Decode `content` with one Pillow plugin.

    The plugin's class is called directly: no other format is tried, and Pillow's global registry
    and limits are neither read nor set (its GIF reader alone has a limit of its own, for a frame
    that lies beyond the canvas). Raises `InvalidImage`; `ImageTooLarge` at that limit.
    """
    image = open_header(plugin, content)
    try:
        image.load()
    except Image.DecompressionBombError:
        raise ImageTooLarge(Reason.IMAGE_TOO_MANY_PIXELS) from None
    except _DAMAGED:
        raise corrupt() from None
    return image


def open_header(
    plugin: Callable[[BytesIO], ImageFile.ImageFile], content: bytes
) -> ImageFile.ImageFile:
    """Read the header of `content` with one Pillow plugin. Raises as `open_with` does."""
    try:
        return plugin(BytesIO(content))
    except Image.DecompressionBombError:
        raise ImageTooLarge(Reason.IMAGE_TOO_MANY_PIXELS) from None
    except _DAMAGED:
        raise corrupt() from None
