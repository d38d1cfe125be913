"""How large an uploaded picture may be."""

from typing import Final

from retrieval.errors import ImageTooLarge, InvalidImage, Reason

MAX_BYTES: Final = 10 << 20
MAX_PIXELS: Final = 25_000_000
MIN_SIDE: Final = 16
MAX_SIDE: Final = 16_383
"""The longest side WebP can hold, so that every accepted picture can be stored."""
MAX_ASPECT: Final = 100
"""Long side over short side."""


def check_size(width: int, height: int) -> None:
    """Judge a picture by its header, in pixels, before any other work is spent on it.

    Raises:
        ImageTooLarge: Over `MAX_PIXELS`, or a side over `MAX_SIDE`.
        InvalidImage: A side under `MIN_SIDE`, or sides that differ by more than `MAX_ASPECT`.
    """
    short, long = sorted((width, height))
    if width * height > MAX_PIXELS:
        raise ImageTooLarge(Reason.IMAGE_TOO_MANY_PIXELS)
    if short < MIN_SIDE:
        raise InvalidImage(Reason.IMAGE_TOO_SMALL)
    if long > short * MAX_ASPECT:
        raise InvalidImage(Reason.IMAGE_ASPECT_RATIO)
    if long > MAX_SIDE:
        raise ImageTooLarge(Reason.IMAGE_TOO_MANY_PIXELS)
