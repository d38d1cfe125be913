"""Pictures that a camera could have taken, of a size that is asked for; invented."""

import io
from typing import Final

import numpy as np
from PIL import Image

ASPECTS: Final = {"3:2": 3 / 2, "2:3": 2 / 3, "1:1": 1.0}


def drawn(megapixels: float, aspect: str = "3:2", seed: int = 0) -> Image.Image:
    """Colours in patches, grain over them: compresses about as a photo does.

    The same arguments draw the same picture, of mode RGB.
    """
    width = round((megapixels * 1e6 * ASPECTS[aspect]) ** 0.5)
    height = round(megapixels * 1e6 / width)
    random = np.random.default_rng(seed)
    picture = _noise(random, 6, width, height)
    for cells, share in ((24, 0.35), (96, 0.2)):
        picture = Image.blend(picture, _noise(random, cells, width, height), share)
    grain = random.integers(0, 256, (256, 256), dtype=np.uint8)
    tiles = np.tile(grain, (-(-height // 256), -(-width // 256)))[:height, :width]
    return Image.blend(picture, Image.fromarray(tiles).convert("RGB"), 0.04)


def as_file(picture: Image.Image, picture_format: str) -> bytes:
    """The picture as shops have it: JPEG 4:2:0 at quality 88, WebP at 80, PNG."""
    options = {"JPEG": {"quality": 88}, "WEBP": {"quality": 80, "method": 0}, "PNG": {}}
    buffer = io.BytesIO()
    picture.save(buffer, picture_format, **options[picture_format])
    return buffer.getvalue()


def _noise(random: np.random.Generator, cells: int, width: int, height: int) -> Image.Image:
    colours = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)
