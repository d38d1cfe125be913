"""Reading PNG (W3C Portable Network Graphics, third edition) without trusting it.

Every chunk is walked and its CRC checked. Compressed texts and profiles are unpacked only as far
as the metadata limit, to see whether they pass it. The compressed pixels are inflated once to
see that they are whole, checksum included, and hold exactly the rows that the header promises:
Pillow alone takes a stream with too few rows, or too many, for a picture.

An animation is read as its still picture: the chunks of its frames are not passed on.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from PIL import Image, PngImagePlugin

from retrieval.errors import InvalidImage, Reason
from retrieval.preprocess.container import Container, corrupt, open_with, truncated
from retrieval.preprocess.exif import read_orientation
from retrieval.preprocess.limits import check_size

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_MAX_METADATA_CHUNKS: Final = 1_024
_MAX_METADATA_BYTES: Final = 4 << 20
_INFLATE_STEP_BYTES: Final = 1 << 20
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE: Final = 3
_ANIMATION: Final = {b"acTL", b"fcTL", b"fdAT"}
# x offset, y offset, x step, y step of the seven passes of Adam7.
_PASSES: Final = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
    (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip


@dataclass(slots=True)
class _Header:
    body: bytes
    width: int
    height: int
    depth: int
    color: int
    interlaced: bool


@dataclass(slots=True)
class _Chunks:
    """What the walk collects: the pixels' chunks, and what metadata has cost so far."""

    header: _Header
    palette: bytes | None = None
    transparency: bytes | None = None
    exif: bytes = b""
    pixels: list[memoryview] = field(default_factory=list)
    metadata_chunks: int = 0
    metadata_bytes: int = 0


def parse_png(data: bytes) -> Container:
    """Walk a PNG file. Raises `InvalidImage` and `ImageTooLarge`."""
    walk = _walk(data)
    _, header = next(walk)
    chunks = _Chunks(_read_header(bytes(header)))
    for name, body in walk:
        _take(chunks, name, body)
    if not chunks.pixels:
        raise corrupt()
    return Container(read_orientation(chunks.exif), lambda: _decode(chunks))


def _walk(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Chunks up to and without IEND; what follows it is ignored."""
    view = memoryview(data)
    position = len(SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise truncated()
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise truncated()
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[position + 4 : end - 4]) != checksum:
            raise corrupt()
        if (position == len(SIGNATURE)) != (name == b"IHDR"):
            raise corrupt()
        if name == b"IEND":
            return
        yield name, view[position + 8 : end - 4]
        position = end


def _take(chunks: _Chunks, name: bytes, body: memoryview) -> None:
    if name == b"IDAT":
        chunks.pixels.append(body)
        return
    if name in _ANIMATION:
        return
    chunks.metadata_chunks += 1
    if chunks.metadata_chunks > _MAX_METADATA_CHUNKS:
        raise InvalidImage(Reason.IMAGE_METADATA_TOO_LARGE)
    if name == b"PLTE":
        chunks.palette = bytes(body)
    elif name == b"tRNS":
        chunks.transparency = bytes(body)
    elif name == b"eXIf":
        chunks.exif = bytes(body)
    elif name in {b"zTXt", b"iCCP", b"iTXt"}:
        _weigh(chunks, name, body)
    elif not name[0] & 0x20:  # A critical chunk that no reader of the standard knows.
        raise corrupt()


def _weigh(chunks: _Chunks, name: bytes, body: memoryview) -> None:
    """Count what a compressed chunk unpacks to, and stop at the limit."""
    # Keyword, NUL, then one byte of method, or in iTXt a flag, a method and two texts.
    packed = bytes(body).partition(b"\0")[2][1:]
    if name == b"iTXt":
        if not bytes(body).partition(b"\0")[2].startswith(b"\1"):
            return
        packed = packed[1:].partition(b"\0")[2].partition(b"\0")[2]
    inflater = zlib.decompressobj()
    room = _MAX_METADATA_BYTES - chunks.metadata_bytes
    try:
        unpacked = len(inflater.decompress(packed, room + 1))
    except zlib.error:
        return  # Garbage in metadata harms no pixel; it is left out like all metadata.
    chunks.metadata_bytes += unpacked
    if unpacked > room:
        raise InvalidImage(Reason.IMAGE_METADATA_TOO_LARGE)


def _read_header(body: bytes) -> _Header:
    if len(body) != 13:
        raise corrupt()
    width, height, depth, color, method, filters, interlace = struct.unpack(">IIBBBBB", body)
    if not width or not height or depth not in _DEPTHS.get(color, ()):
        raise corrupt()
    if method or filters or interlace > 1:
        raise corrupt()
    check_size(width, height)
    return _Header(body, width, height, depth, color, bool(interlace))


def _decode(chunks: _Chunks) -> Image.Image:
    header = chunks.header
    _check_pixels(chunks.pixels, _filtered_bytes(header))
    parts = [(b"IHDR", header.body)]
    if chunks.palette is not None and header.color == _PALETTE:
        parts.append((b"PLTE", chunks.palette))
        if chunks.transparency is not None:
            parts.append((b"tRNS", chunks.transparency))
    parts += [(b"IDAT", b"".join(chunks.pixels)), (b"IEND", b"")]
    content = SIGNATURE + b"".join(_chunk(name, body) for name, body in parts)
    image = open_with(PngImagePlugin.PngImageFile, content)
    if chunks.transparency is not None and header.color in {0, 2}:
        return _key_on_white(image, header, chunks.transparency)
    return image


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _filtered_bytes(header: _Header) -> int:
    """Length of the inflated pixels: every row is packed to bytes behind one filter byte."""
    bits = header.depth * _CHANNELS[header.color]

    def rows(width: int, height: int) -> int:
        return height * (1 + (width * bits + 7) // 8) if width > 0 and height > 0 else 0

    if not header.interlaced:
        return rows(header.width, header.height)
    return sum(
        rows(-((left - header.width) // across), -((top - header.height) // down))
        for left, top, across, down in _PASSES
    )


def _check_pixels(pixels: list[memoryview], expected: int) -> None:
    inflater = zlib.decompressobj()
    inflated = 0
    try:
        for piece in pixels:
            pending: bytes | memoryview = piece
            while pending and not inflater.eof:
                inflated += len(inflater.decompress(pending, _INFLATE_STEP_BYTES))
                if inflated > expected:
                    raise corrupt()
                pending = inflater.unconsumed_tail
        inflated += len(inflater.flush())
    except zlib.error:
        raise corrupt() from None
    if not inflater.eof:
        raise truncated()
    if inflated != expected:
        raise corrupt()


def _key_on_white(image: Image.Image, header: _Header, transparency: bytes) -> Image.Image:
    """Gray and RGB pictures name one transparent colour; it becomes white.

    Done here because Pillow compares the key, which is in the file's bit depth, with pixels that
    it has scaled to 8 bits. Of a 16-bit RGB colour the high bytes are compared.
    """
    channels = _CHANNELS[header.color]
    if len(transparency) != 2 * channels:
        raise corrupt()
    key = np.array(struct.unpack(f">{channels}H", transparency))
    if header.depth < 8:
        key = key * 255 // ((1 << header.depth) - 1)
    pixels = np.array(image.convert("L") if image.mode == "1" else image)
    if pixels.dtype == np.uint8 and header.depth == 16:
        key >>= 8
    if channels == 1:
        pixels[pixels == key[0]] = np.iinfo(pixels.dtype).max
    else:
        pixels[(pixels == key).all(axis=-1)] = 255
    return Image.fromarray(pixels)
