"""Pictures of the test shop, drawn from their addresses."""

import random
import struct
import zlib
from functools import cache
from io import BytesIO

from PIL import Image


@cache
def picture(path: str, size: tuple[int, int] = (120, 160)) -> bytes:
    """A JPEG that looks like no other address's."""
    source = random.Random(path)
    small = Image.frombytes("RGB", (6, 8), source.randbytes(6 * 8 * 3))
    return _jpeg(small.resize(size, Image.Resampling.BICUBIC), 90)


def smaller(content: bytes) -> bytes:
    """The same to the eye, encoded anew."""
    image = Image.open(BytesIO(content))
    return _jpeg(image.resize((image.width * 3 // 4, image.height * 3 // 4)), 80)


def bomb() -> bytes:
    """A PNG of some hundred bytes that says it is 60,000 pixels wide and high."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def _jpeg(image: Image.Image, quality: int) -> bytes:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()
