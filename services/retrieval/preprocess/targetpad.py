"""The picture transform of SPRC: pad, resize, crop, normalise; bit-equal to the published code.

Padding and resizing happen in the picture's own mode and the conversion to RGB comes after them,
because that is what the published features were made with: a palette picture is padded with its
palette entry 0 and resized by nearest neighbour, and alpha is dropped without compositing.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Final = (0.26862954, 0.26130258, 0.27577711)


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
    cropped = _center_crop(_resize_short_side(_pad_to_ratio(image, ratio), size), size)
    pixels = np.asarray(cropped.convert("RGB"), dtype=np.uint8).transpose(2, 0, 1)
    unit = pixels.astype(np.float32) / np.float32(255)
    mean = np.asarray(CLIP_MEAN, dtype=np.float32)[:, None, None]
    std = np.asarray(CLIP_STD, dtype=np.float32)[:, None, None]
    return np.ascontiguousarray((unit - mean) / std)


def _pad_to_ratio(image: Image.Image, ratio: float) -> Image.Image:
    width, height = image.size
    long = max(width, height)
    if long / min(width, height) < ratio:
        return image
    # Truncated: an odd remainder is lost, so the padded picture may be a pixel short of the ratio.
    left = max(int((long / ratio - width) / 2), 0)
    top = max(int((long / ratio - height) / 2), 0)
    if not left and not top:
        return image
    padded = Image.new(image.mode, (width + 2 * left, height + 2 * top), 0)
    palette = image.getpalette() if image.mode == "P" else None
    if palette is not None:
        padded.putpalette(palette)
    padded.paste(image, (left, top))
    return padded


def _resize_short_side(image: Image.Image, size: int) -> Image.Image:
    width, height = image.size
    short, long = min(width, height), max(width, height)
    scaled_long = int(size * long / short)
    target = (size, scaled_long) if width <= height else (scaled_long, size)
    if target == image.size:
        return image
    return image.resize(target, Image.Resampling.BICUBIC)


def _center_crop(image: Image.Image, size: int) -> Image.Image:
    width, height = image.size
    # round() is half-to-even, as in the published transform.
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.crop((left, top, left + size, top + size))
