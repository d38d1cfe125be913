"""Drawn pictures for the tests: each number another picture, with shapes that fingerprints see."""

import random
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw


def drawn(number: int, size: tuple[int, int] = (240, 320), mode: str = "RGB") -> Image.Image:
    """A picture of its own: ellipses and boxes on a ground."""
    rng = random.Random(number)
    width, height = size
    image = Image.new("RGB", size, tuple(rng.randrange(180, 256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for turn in range(9):
        left, top = rng.uniform(-0.1, 0.8) * width, rng.uniform(-0.1, 0.8) * height
        box = (
            left,
            top,
            left + rng.uniform(0.2, 0.6) * width,
            top + rng.uniform(0.2, 0.6) * height,
        )
        fill = tuple(rng.randrange(256) for _ in range(3))
        (draw.ellipse if turn % 2 else draw.rectangle)(box, fill=fill)
    return image.convert(mode)


def encoded(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """The picture's file."""
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()
