"""Reading WebP (RFC 9649) without trusting it.

The RIFF chunks are walked and only those of the first picture reach the decoder: profile, EXIF,
XMP, unknown chunks and later frames are left out. A file shorter than its RIFF size is refused;
what trails it is ignored. WebP has no checksums either: a flipped bit in the coded pixels is
refused only where the decoder runs out of data or meets an impossible code.
"""

import struct
from dataclasses import dataclass, field
from typing import Final

from PIL import Image, WebPImagePlugin

from retrieval.errors import InvalidImage, Reason
from retrieval.preprocess.container import Container, corrupt, open_with, truncated
from retrieval.preprocess.exif import read_orientation
from retrieval.preprocess.limits import check_size

_MAX_CHUNKS: Final = 16_384
_ALPHA_FLAG: Final = 0x10
_ANIMATION_FLAG: Final = 0x02
_PIXELS: Final = {b"VP8 ", b"VP8L", b"ANMF"}


@dataclass(slots=True)
class _Walk:
    """What the walk collects."""

    exif: bytes = b""
    extended: bytes = b""
    picture: tuple[bytes, bytes] | None = None
    beside: list[tuple[bytes, bytes]] = field(default_factory=list)


def parse_webp(data: bytes) -> Container:
    """Walk a WebP file. Raises `InvalidImage` and `ImageTooLarge`."""
    (riff_bytes,) = struct.unpack_from("<I", data, 4)
    end = 8 + riff_bytes
    if end > len(data):
        raise truncated()
    walk = _Walk()
    position = 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > end:
            break
        name, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > end:
            raise truncated()
        _take(walk, name, data[position + 8 : position + 8 + length])
        position += 8 + length + length % 2
    else:
        raise InvalidImage(Reason.IMAGE_METADATA_TOO_LARGE)
    if walk.picture is None:
        raise truncated() if walk.extended else corrupt()
    return Container(read_orientation(walk.exif), lambda: _decode(walk))


def _take(walk: _Walk, name: bytes, body: bytes) -> None:
    if name == b"VP8X" and not walk.extended:
        check_size(*_size(name, body))
        walk.extended = body
    elif name in {b"ANIM", b"ALPH"} and walk.picture is None and len(walk.beside) < 2:
        walk.beside.append((name, body))
    elif name in _PIXELS and walk.picture is None:
        if not walk.extended:
            check_size(*_size(name, body))
        walk.picture = (name, body)
    elif name == b"EXIF" and not walk.exif:
        walk.exif = body


def _size(name: bytes, body: bytes) -> tuple[int, int]:
    """The canvas of an extended file, or a picture's own size."""
    if name == b"VP8X" and len(body) >= 10:
        width = int.from_bytes(body[4:7], "little") + 1
        height = int.from_bytes(body[7:10], "little") + 1
        return width, height
    if name == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
    elif name == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        (bits,) = struct.unpack_from("<I", body, 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        raise corrupt()
    if not width or not height:
        raise corrupt()
    return width, height


def _decode(walk: _Walk) -> Image.Image:
    if walk.picture is None:
        raise corrupt()
    parts = [*walk.beside, walk.picture]
    if walk.extended:
        flags = walk.extended[0] & (_ALPHA_FLAG | _ANIMATION_FLAG)
        parts.insert(0, (b"VP8X", bytes([flags]) + walk.extended[1:]))
    body = b"WEBP" + b"".join(_chunk(name, part) for name, part in parts)
    return open_with(WebPImagePlugin.WebPImageFile, _chunk(b"RIFF", body))


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
