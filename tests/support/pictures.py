"""Small pictures, and PNG files made chunk by chunk; nothing here reads a file."""

import io
import struct
import zlib
from typing import Any, Final

import numpy as np
from PIL import Image

Color = tuple[int, int, int]
RED: Final[Color] = (200, 30, 40)
BLUE: Final[Color] = (20, 40, 180)
WHITE: Final[Color] = (255, 255, 255)


# --- pictures -------------------------------------------------------------------------------


def two_tone(size: tuple[int, int] = (64, 48), mode: str = "RGB") -> Image.Image:
    """Red, with a blue quarter at the upper left, so that every turn shows."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (0, 0, size[0] // 2, size[1] // 2))
    return image.convert(mode)


def textured(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Smooth noise: compresses like a photo, and every cut or flip meets data."""
    noise = np.random.default_rng(7).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """`image` as a file."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


# --- PNG by hand ----------------------------------------------------------------------------

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def png_chunk(name: bytes, body: bytes) -> bytes:
    """One chunk with its length and CRC."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int,
    height: int,
    rows: bytes,
    *,
    depth: int = 8,
    color: int = 2,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PNG whose header says `width` x `height`, whatever `rows` (filter bytes in) hold."""
    return compressed_png(
        width, height, zlib.compress(rows), depth=depth, color=color, before=before, after=after
    )


def compressed_png(
    width: int,
    height: int,
    stream: bytes,
    *,
    depth: int = 8,
    color: int = 2,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """As `png`, around a ready zlib stream."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"".join(
        [
            PNG_SIGNATURE,
            png_chunk(b"IHDR", header),
            before,
            png_chunk(b"IDAT", stream),
            after,
            png_chunk(b"IEND", b""),
        ]
    )


def rgb_rows(width: int, height: int, color: Color = RED) -> bytes:
    """Unfiltered 8-bit rows of one colour."""
    return (b"\0" + bytes(color) * width) * height


def png_with(chunks: bytes) -> bytes:
    """A good picture of 32 x 32 with more chunks before its pixels."""
    return png(32, 32, rgb_rows(32, 32), before=chunks)


def huge_png(width: int, height: int) -> bytes:
    """A true 1-bit PNG of that size in a few KiB."""
    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    stream = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return compressed_png(width, height, stream, depth=1, color=0)


# --- EXIF ------------------------------------------------------------------------------------


def exif_block(orientation: int) -> bytes:
    """An EXIF block that holds an orientation and nothing else."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()
