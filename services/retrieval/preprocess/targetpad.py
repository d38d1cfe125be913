"""The picture transform of SPRC: pad, resize, crop, normalise; bit-equal to the published code.

Padding and resizing happen in the picture's own mode and the conversion to RGB comes after them,
because that is what the published features were made with: a palette picture is padded with its
palette entry 0 and resized by nearest neighbour, and alpha is dropped without compositing.

An RGB picture, which every upload is, takes a shorter way to the same bytes. Pillow resizes along
the rows first and along the columns then, each row for itself and rounded to 8 bits in between. So
rows that are padding or that the crop drops need not be resized, and padding above and below is
added when the rows are short.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Final = (0.26862954, 0.26130258, 0.27577711)
_COLUMNS_FIRST_FROM: Final = 2
"""Height over width from which on Pillow 13 resizes along the columns first, to other bytes."""
_UNIT: Final = np.arange(256, dtype=np.float32) / np.float32(255)
_VALUES: Final = tuple(
    (_UNIT - np.float32(mean)) / np.float32(std)
    for mean, std in zip(CLIP_MEAN, CLIP_STD, strict=True)
)


def targetpad(image: Image.Image, *, size: int, ratio: float = 1.25) -> NDArray[np.float32]:
    """Pixels of `image` for the image encoder.

    Args:
        image: A picture of any Pillow mode.
        size: Side of the square result, in pixels.
        ratio: Long side over short side up to which a picture is left unpadded; a longer one is
            padded with zeros until it has this ratio.

    Returns:
        [3, size, size] float32, RGB, normalised with CLIP's mean and standard deviation.
    """
    return normalised(targetpad_square(image, size=size, ratio=ratio))


def targetpad_square(image: Image.Image, *, size: int, ratio: float = 1.25) -> NDArray[np.uint8]:
    """What `targetpad` normalises, of the same arguments: [size, size, 3] uint8, RGB."""
    left, top = _padding(image.size, ratio)
    rows_first = image.height + 2 * top < _COLUMNS_FIRST_FROM * (image.width + 2 * left)
    if image.mode == "RGB" and rows_first:
        square = _rows_then_columns(image, size, left, top)
    else:
        padded = _pad(image, left, top)
        square = _center_crop(_resize_short_side(padded, size), size).convert("RGB")
    return np.asarray(square, dtype=np.uint8)


def normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[3, S, S] float32 of [S, S, 3]: what each of the 256 values becomes is computed once."""
    result = np.empty((3, *pixels.shape[:2]), dtype=np.float32)
    for channel, values in enumerate(_VALUES):
        # Every 8-bit value has its place in the table; "clip" spares numpy a check and a copy.
        np.take(values, pixels[:, :, channel], out=result[channel], mode="clip")
    return result


def _rows_then_columns(image: Image.Image, size: int, left: int, top: int) -> Image.Image:
    """As the published transform, of an RGB picture that is not far higher than wide."""
    width, height = image.width + 2 * left, image.height + 2 * top
    target = _target((width, height), size)
    above = round((target[1] - size) / 2)
    # Rows of the padded picture that the rows kept by the crop are made of, and a few more: a
    # bicubic filter reaches two pixels of the smaller scale to each side.
    scale = height / target[1]
    reach = 2 * max(scale, 1.0) + 2
    first = max(int(above * scale - reach), top)
    last = min(int((above + size) * scale + reach) + 1, height - top)
    rows = image
    if (first, last) != (top, height - top):
        rows = image.crop((0, first - top, image.width, last - top))
    rows = _pad(rows, left, 0).resize((target[0], last - first), Image.Resampling.BICUBIC)
    if rows.height != height:
        whole = Image.new("RGB", (target[0], height))
        whole.paste(rows, (0, first))
        rows = whole
    # round() is half-to-even, as in the published transform.
    beside = round((target[0] - size) / 2)
    columns = rows.crop((beside, 0, beside + size, height))
    return _center_crop(columns.resize((size, target[1]), Image.Resampling.BICUBIC), size)


def _padding(size: tuple[int, int], ratio: float) -> tuple[int, int]:
    """Pixels to add on the left and on the right, above and below."""
    width, height = size
    long = max(width, height)
    if long / min(width, height) < ratio:
        return 0, 0
    # Truncated: an odd remainder is lost, so the padded picture may be a pixel short of the ratio.
    return max(int((long / ratio - width) / 2), 0), max(int((long / ratio - height) / 2), 0)


def _pad(image: Image.Image, left: int, top: int) -> Image.Image:
    if not left and not top:
        return image
    width, height = image.size
    padded = Image.new(image.mode, (width + 2 * left, height + 2 * top), 0)
    palette = image.getpalette() if image.mode == "P" else None
    if palette is not None:
        padded.putpalette(palette)
    padded.paste(image, (left, top))
    return padded


def _target(image_size: tuple[int, int], size: int) -> tuple[int, int]:
    """Width and height of a picture whose short side became ``size``."""
    width, height = image_size
    scaled_long = int(size * max(width, height) / min(width, height))
    return (size, scaled_long) if width <= height else (scaled_long, size)


def _resize_short_side(image: Image.Image, size: int) -> Image.Image:
    target = _target(image.size, size)
    if target == image.size:
        return image
    return image.resize(target, Image.Resampling.BICUBIC)


def _center_crop(image: Image.Image, size: int) -> Image.Image:
    width, height = image.size
    # round() is half-to-even, as in the published transform.
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.crop((left, top, left + size, top + size))
