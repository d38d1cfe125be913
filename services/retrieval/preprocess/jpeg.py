"""Reading JPEG (ITU-T T.81) without trusting it.

The markers are walked from start to end of image, so a file without its end is refused, and what
trails the end (a second picture of an MPO file, a ZIP archive) is left out. Of the segments only
those that shape the pixels reach the decoder.

What cannot be told: JPEG has no checksums. A flipped bit in the coded pixels is refused where it
makes an impossible marker or runs the decoder out of data, which is seldom; else it is a smudge
in the picture. In a file with several scans (progressive), a picture whose last rows are missing
is refused only where it has less than a bit for each of its blocks.
"""

import re
import struct
from dataclasses import dataclass, field
from typing import Final

from PIL import Image, JpegImagePlugin

from retrieval.errors import InvalidImage, Reason, UnsupportedImage
from retrieval.preprocess.container import Container, corrupt, open_with, truncated
from retrieval.preprocess.exif import read_orientation
from retrieval.preprocess.limits import check_size

SIGNATURE: Final = b"\xff\xd8\xff"

_MAX_SEGMENTS: Final = 1_024
_MAX_SCANS: Final = 64
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE
_DHT, _DQT, _DRI = 0xC4, 0xDB, 0xDD
_TABLES: Final = {_DHT, _DQT, _DRI}
# Baseline, extended sequential and progressive, all Huffman-coded.
_FRAMES: Final = {0xC0, 0xC1, 0xC2}
# Lossless, hierarchical and arithmetic-coded: no browser shows these either.
_OTHER_FRAMES: Final = {0xC3, 0xC5, 0xC6, 0xC7, *range(0xC9, 0xD0)} - {0xCC}
_PROGRESSIVE: Final = 0xC2
# A marker that ends coded pixels: not a stuffed zero, a restart or a fill byte.
_MARKER_IN_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Searched and copied at a time, so that the interpreter lock is not held for all of a large file.
_PIECE_BYTES: Final = 1 << 20
# More than the decoder reads ahead (one 64-bit word), and never a marker.
_READ_AHEAD: Final = bytes(16)


@dataclass(slots=True)
class _Walk:
    """What the walk collects."""

    width: int = 0
    height: int = 0
    frame: int = 0
    orientation: int = 1
    scans: int = 0
    coded_bytes: int = 0
    kept: list[bytes] = field(default_factory=lambda: [b"\xff\xd8"])


def parse_jpeg(data: bytes) -> Container:
    """Walk a JPEG file. Raises `InvalidImage`, `ImageTooLarge` and `UnsupportedImage`."""
    walk = _Walk()
    position = 2
    for _ in range(_MAX_SEGMENTS):
        marker, position = _marker_at(data, position)
        if marker == _EOI:
            break
        position = _take(walk, data, marker, position)
    else:
        raise InvalidImage(Reason.IMAGE_METADATA_TOO_LARGE)
    if not walk.frame or not walk.scans:
        raise corrupt()
    return Container(walk.orientation, lambda: _decode(walk))


def _marker_at(data: bytes, position: int) -> tuple[int, int]:
    """The marker that begins at `position`, and where its segment begins."""
    if data[position : position + 1] not in {b"\xff", b""}:
        raise corrupt()
    while data[position : position + 1] == b"\xff":
        position += 1
    if position >= len(data):
        raise truncated()
    return data[position], position + 1


def _take(walk: _Walk, data: bytes, marker: int, position: int) -> int:
    """Read one segment, and the coded pixels behind it if it begins a scan; returns its end."""
    if marker < 0xC0 or 0xD0 <= marker <= _SOI:
        raise corrupt()
    if position + 2 > len(data):
        raise truncated()
    length = int.from_bytes(data[position : position + 2], "big")
    end = position + length
    if length < 2:
        raise corrupt()
    if end > len(data):
        raise truncated()
    body = data[position + 2 : end]
    if marker in _FRAMES:
        _take_frame(walk, marker, body)
    elif marker in _OTHER_FRAMES:
        raise UnsupportedImage(Reason.IMAGE_FORMAT_UNSUPPORTED)
    elif marker == _APP1 and body.startswith(b"Exif\0\0"):
        walk.orientation = read_orientation(body)
    elif marker == _SOS:
        end = _scan_end(walk, data, end)
    if _shapes_pixels(marker, body):
        walk.kept.append(b"\xff")
        for start in range(position - 1, end, _PIECE_BYTES):
            walk.kept.append(data[start : min(end, start + _PIECE_BYTES)])
    return end


def _take_frame(walk: _Walk, marker: int, body: bytes) -> None:
    if walk.frame or walk.scans or len(body) < 6:
        raise corrupt()
    precision, height, width, components = struct.unpack_from(">BHHB", body)
    if precision != 8 or components not in {1, 3, 4}:
        raise UnsupportedImage(Reason.IMAGE_FORMAT_UNSUPPORTED)
    if not width or not height:
        raise corrupt()
    check_size(width, height)
    walk.width, walk.height, walk.frame = width, height, marker


def _scan_end(walk: _Walk, data: bytes, begin: int) -> int:
    walk.scans += 1
    if not walk.frame or walk.scans > _MAX_SCANS:
        raise corrupt()
    for start in range(begin, len(data), _PIECE_BYTES):
        # With one byte of the next piece, since a marker has two.
        marker = _MARKER_IN_SCAN.search(data, start, start + _PIECE_BYTES + 1)
        if marker is not None:
            walk.coded_bytes += marker.start() - begin
            return marker.start()
    raise truncated()


def _shapes_pixels(marker: int, body: bytes) -> bool:
    if marker == _APP0:
        return body.startswith(b"JFIF\0") and len(body) >= 14
    if marker == _APP14:  # Says whether the colours are RGB, YCbCr, CMYK or YCCK.
        return body.startswith(b"Adobe") and len(body) >= 12
    return marker in _TABLES or marker in _FRAMES or marker == _SOS


def _decode(walk: _Walk) -> Image.Image:
    blocks = -(-walk.width // 8) * -(-walk.height // 8)
    if walk.coded_bytes * 8 < blocks:
        raise corrupt()
    if walk.scans == 1 and walk.frame != _PROGRESSIVE:
        # Without an end of image the decoder cannot make up the rows that are missing: it asks
        # for more data, and Pillow reports the file as cut. A whole picture needs no end.
        return open_with(JpegImagePlugin.JpegImageFile, b"".join([*walk.kept, _READ_AHEAD]))
    return open_with(JpegImagePlugin.JpegImageFile, b"".join([*walk.kept, b"\xff\xd9"]))
