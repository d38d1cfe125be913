"""Ways from a picture's file to the image encoder's pixels."""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.preprocess.targetpad import CLIP_MEAN, CLIP_STD, targetpad
from retrieval.preprocess.upload import normalise_upload

Pixels = NDArray[np.float32]
_MEAN: Final = np.asarray(CLIP_MEAN, np.float32)
_STD: Final = np.asarray(CLIP_STD, np.float32)


def ours(content: bytes, size: int) -> Pixels:
    """As the gateway does it, every check of the file included."""
    return targetpad(normalise_upload(content), size=size)


def plain(content: bytes, size: int) -> Pixels:
    """As one would write it with Pillow: open, convert, pad, resize, crop, numpy."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    width, height = picture.size
    long, short = max(picture.size), min(picture.size)
    if long / short >= 1.25:
        left = max(int((long / 1.25 - width) / 2), 0)
        top = max(int((long / 1.25 - height) / 2), 0)
        padded = Image.new("RGB", (width + 2 * left, height + 2 * top))
        padded.paste(picture, (left, top))
        picture = padded
    width, height = picture.size
    long, short = max(picture.size), min(picture.size)
    longer = int(size * long / short)
    target = (size, longer) if width <= height else (longer, size)
    picture = picture.resize(target, Image.Resampling.BICUBIC)
    left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
    picture = picture.crop((left, top, left + size, top + size))
    pixels = (np.asarray(picture, np.float32) / 255 - _MEAN) / _STD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def drafted(content: bytes, size: int) -> Pixels:
    """With the JPEG decoder scaling down first, to twice the size that is needed or more: other
    pixels than the published ones."""
    return targetpad(draft(content, size), size=size)


def draft(content: bytes, size: int) -> Image.Image:
    """A JPEG file decoded at a half, a quarter or an eighth, its short side twice ``size`` or
    more; whole where it is not that large."""
    picture = Image.open(io.BytesIO(content))
    scale = 2 * size / min(picture.size)
    picture.draft("RGB", (round(picture.width * scale), round(picture.height * scale)))
    return picture.convert("RGB")
