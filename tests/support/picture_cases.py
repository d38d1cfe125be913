"""Pictures that a service must refuse, and odd ones that it must read.

`REFUSED` and `READ` are tables; the tests of the decoder and of the API walk over them.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms

from tests.support.pictures import (
    BLUE,
    PNG_SIGNATURE,
    RED,
    WHITE,
    Color,
    compressed_png,
    encode,
    exif_block,
    huge_png,
    png,
    png_chunk,
    png_with,
    rgb_rows,
    textured,
    two_tone,
)


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that get `status`; `reason` is the machine-readable cause."""

    name: str
    make: Callable[[], bytes]
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes that are a picture of `size`; `pixels` maps (x, y) to the colour expected there."""

    name: str
    make: Callable[[], bytes]
    size: tuple[int, int]
    pixels: dict[tuple[int, int], Color]


# --- bad -------------------------------------------------------------------------------------


def _flip(data: bytes, position: int) -> bytes:
    damaged = bytearray(data)
    damaged[position] ^= 0x10
    return bytes(damaged)


def _good_png() -> bytes:
    return encode(textured(), "PNG")


def _flipped_bit_behind_good_crc() -> bytes:
    stream = bytearray(zlib.compress(rgb_rows(32, 32), 0))
    stream[200] ^= 0x10  # A stored block: the pixels stay readable, only Adler-32 can tell.
    return compressed_png(32, 32, bytes(stream))


def _lying_jpeg(image: Image.Image, frame_marker: bytes, **options: Any) -> bytes:
    data = encode(image, "JPEG", **options)
    frame = data.index(frame_marker)
    return data[: frame + 5] + struct.pack(">H", 4096) + data[frame + 7 :]


def _lying_webp() -> bytes:
    data = bytearray(encode(textured(), "WEBP", lossless=True))
    bits = struct.unpack_from("<I", data, 21)[0]
    struct.pack_into("<I", data, 21, (bits & ~(0x3FFF << 14)) | (999 << 14))
    return bytes(data)


def _cut_webp_of_right_length() -> bytes:
    data = encode(textured(), "WEBP")
    kept = data[20 : len(data) // 2]
    chunk = b"VP8 " + struct.pack("<I", len(kept)) + kept + b"\0" * (len(kept) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def _segment_bomb() -> bytes:
    data = encode(two_tone(), "JPEG")
    return data[:2] + b"\xff\xfe\0\2" * 100_000 + data[2:]


def _scan_bomb() -> bytes:
    data = encode(two_tone(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * 1_000 + b"\xff\xd9"


def _bmff(brand: bytes) -> bytes:
    return struct.pack(">I4s4s4s4s", 20, b"ftyp", brand, b"\0\0\0\0", b"mif1") + bytes(64)


_SVG: Final = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"></svg>'
_MIB32: Final = bytes(32 << 20)
_T, _C, _N = "IMAGE_TRUNCATED", "IMAGE_CORRUPT", "IMAGE_NOT_AN_IMAGE"
_M, _P, _F = "IMAGE_METADATA_TOO_LARGE", "IMAGE_TOO_MANY_PIXELS", "IMAGE_FORMAT_UNSUPPORTED"


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


REFUSED: Final = (
    Refused("empty", lambda: b"", 422, "IMAGE_EMPTY"),
    Refused("text", lambda: b"a red dress, please", 422, _N),
    Refused("text that begins like a bitmap", lambda: b"BMW's jacket in black, please", 422, _N),
    Refused("HTML", lambda: b"<!doctype html><p>not found</p>", 422, _N),
    Refused("HTML around SVG", lambda: b"<!doctype html>" + _SVG, 422, _N),
    Refused("zeros", lambda: bytes(4096), 422, _N),
    Refused("one byte", lambda: b"\xff", 422, _N),
    Refused("JPEG signature alone", lambda: b"\xff\xd8\xff", 422, _T),
    Refused("PNG signature alone", lambda: PNG_SIGNATURE, 422, _T),
    Refused("RIFF header alone", lambda: b"RIFF\4\0\0\0WEBP", 422, _C),
    Refused("JPEG cut in half", lambda: _half(encode(textured(), "JPEG")), 422, _T),
    Refused(
        "JPEG cut in half and ended",
        lambda: _half(encode(textured(), "JPEG", quality=95)) + b"\xff\xd9", 422, _C,
    ),
    Refused("JPEG short by 2 bytes", lambda: encode(textured(), "JPEG")[:-2], 422, _T),
    Refused("JPEG short by 1 byte", lambda: encode(textured(), "JPEG")[:-1], 422, _T),
    Refused(
        "progressive JPEG short by 2 bytes",
        lambda: encode(textured(), "JPEG", progressive=True)[:-2], 422, _T,
    ),
    Refused("PNG cut in half", lambda: _half(_good_png()), 422, _T),
    Refused("PNG short by its IEND", lambda: _good_png()[:-12], 422, _T),
    Refused(
        "PNG with half a stream",
        lambda: compressed_png(64, 64, _half(zlib.compress(rgb_rows(64, 64)))), 422, _T,
    ),
    Refused("WebP cut in half", lambda: _half(encode(textured(), "WEBP")), 422, _T),
    Refused("WebP short by 1 byte", lambda: encode(textured(), "WEBP")[:-1], 422, _T),
    Refused("WebP cut, its lengths mended", _cut_webp_of_right_length, 422, _C),
    Refused("flipped bit in a PNG", lambda: _flip(_good_png(), 600), 422, _C),
    Refused("flipped bit behind a good CRC", _flipped_bit_behind_good_crc, 422, _C),
    Refused("bad CRC", lambda: _flip(_good_png(), 31), 422, _C),
    Refused("bad CRC of a text", lambda: _flip(png_with(png_chunk(b"tEXt", b"k\0v")), 45), 422, _C),
    Refused("PNG of 0x0", lambda: png(0, 0, b""), 422, _C),
    Refused("PNG of 32x0", lambda: png(32, 0, b""), 422, _C),
    Refused("PNG header too tall", lambda: png(32, 64, rgb_rows(32, 32)), 422, _C),
    Refused("PNG header too short", lambda: png(32, 16, rgb_rows(32, 32)), 422, _C),
    Refused("PNG header too wide", lambda: png(64, 32, rgb_rows(32, 32)), 422, _C),
    Refused("PNG header of an unknown kind", lambda: png(32, 32, b"", depth=3), 422, _C),
    Refused("PNG without pixels", lambda: PNG_SIGNATURE + _good_png()[8:33] + _good_png()[-12:],
            422, _C),
    Refused("JPEG header too tall", lambda: _lying_jpeg(textured(), b"\xff\xc0"), 422, _C),
    Refused("progressive JPEG header far too tall",
            lambda: _lying_jpeg(two_tone(), b"\xff\xc2", progressive=True), 422, _C),
    Refused("WebP header too tall", _lying_webp, 422, _C),
    Refused(
        "zTXt of 32 MiB",
        lambda: png_with(png_chunk(b"zTXt", b"k\0\0" + zlib.compress(_MIB32))), 422, _M,
    ),
    Refused(
        "iTXt of 32 MiB",
        lambda: png_with(png_chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(_MIB32))), 422, _M,
    ),
    Refused(
        "iCCP of 32 MiB",
        lambda: png_with(png_chunk(b"iCCP", b"k\0\0" + zlib.compress(_MIB32))), 422, _M,
    ),
    Refused(
        "32 zTXt of 1 MiB",
        lambda: png_with(png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 20))) * 32),
        422, _M,
    ),
    Refused(
        "pixels of 32 MiB behind a small header",
        lambda: compressed_png(32, 32, zlib.compress(_MIB32)), 422, _C,
    ),
    Refused("100,000 tEXt", lambda: png_with(png_chunk(b"tEXt", b"k\0v") * 100_000), 422, _M),
    Refused("100,000 JPEG comments", _segment_bomb, 422, _M),
    Refused("1,000 JPEG scans", _scan_bomb, 422, _C),
    Refused("15 pixels wide", lambda: encode(two_tone((15, 64)), "PNG"), 422, "IMAGE_TOO_SMALL"),
    Refused("15 pixels high", lambda: encode(two_tone((64, 15)), "JPEG"), 422, "IMAGE_TOO_SMALL"),
    Refused("1 x 1", lambda: encode(two_tone((1, 1)), "WEBP"), 422, "IMAGE_TOO_SMALL"),
    Refused("1:5000", lambda: huge_png(16, 80_000), 422, "IMAGE_ASPECT_RATIO"),
    Refused("5000:1", lambda: huge_png(80_000, 16), 422, "IMAGE_ASPECT_RATIO"),
    Refused("90 megapixels", lambda: huge_png(10_000, 9_000), 413, _P),
    Refused("400 megapixels", lambda: huge_png(20_000, 20_000), 413, _P),
    Refused("a header of 400 megapixels", lambda: png(20_000, 20_000, b""), 413, _P),
    Refused("a side of 20,000", lambda: huge_png(20_000, 1_000), 413, _P),
    Refused(
        "over 10 MiB", lambda: _good_png() + bytes(10 << 20), 413, "IMAGE_TOO_MANY_BYTES",
    ),
    Refused("SVG", lambda: _SVG, 415, _F),
    Refused("SVG behind a prologue", lambda: b"\xef\xbb\xbf\n<?xml ?>" + _SVG, 415, _F),
    Refused("EPS", lambda: encode(two_tone(), "EPS"), 415, _F),
    Refused("PDF", lambda: encode(two_tone(), "PDF"), 415, _F),
    Refused("TIFF, whatever its name", lambda: encode(two_tone(), "TIFF"), 415, _F),
    Refused("PSD", lambda: b"8BPS\0\1" + bytes(64), 415, _F),
    Refused("BMP", lambda: encode(two_tone(), "BMP"), 415, _F),
    Refused("ICO", lambda: encode(two_tone(), "ICO"), 415, _F),
    Refused("JPEG 2000", lambda: encode(two_tone(), "JPEG2000"), 415, _F),
    Refused("GIF", lambda: encode(two_tone(), "GIF"), 415, _F),
    Refused("AVIF", lambda: encode(two_tone(), "AVIF"), 415, _F),
    Refused("HEIC", lambda: _bmff(b"heic"), 415, _F),
)  # fmt: skip


# --- odd but good ---------------------------------------------------------------------------


def _corrupt_exif() -> bytes:
    block = bytearray(exif_block(6))
    block[10:14] = b"\xff\xff\xff\xff"  # The first directory lies beyond the block.
    return bytes(block)


def _frames(image_format: str) -> bytes:
    later = Image.new("RGB", (64, 48), WHITE)
    options: dict[str, Any] = {"lossless": True} if image_format == "WEBP" else {}
    return encode(
        two_tone(), image_format, save_all=True, append_images=[later], duration=50, **options
    )


def _sixteen_bit_gray() -> bytes:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)
    return encode(Image.fromarray(np.tile(ramp, (48, 1))), "PNG")


def _sixteen_bit_rgb(transparent: Color | None = None) -> bytes:
    samples = np.full((32, 32, 3), (0x1234, 0x8080, 0xFFFF), dtype=">u2")
    samples[:, 16:] = (0x2000, 0x4000, 0x6000)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    key = b"" if transparent is None else png_chunk(b"tRNS", struct.pack(">3H", *transparent))
    return png(32, 32, rows, depth=16, before=key)


def _palette_with_transparency() -> bytes:
    image = Image.new("P", (64, 48), 1)
    image.putpalette([*BLUE, *RED])
    image.paste(0, (0, 0, 32, 24))
    return encode(image, "PNG", transparency=bytes([0, 255]))


def _alpha(image_format: str, **options: Any) -> bytes:
    image = two_tone(mode="RGBA")
    image.paste((*BLUE, 0), (0, 0, 32, 24))
    image.paste((0, 0, 0, 128), (32, 24, 64, 48))
    return encode(image, image_format, **options)


def _gray_key(depth: int) -> bytes:
    """Half of the picture holds the gray level 1, which the file calls transparent."""
    per_byte = 8 // depth
    one = sum(1 << (depth * place) for place in range(per_byte))
    row = b"\0" + bytes([one]) * (16 // per_byte) + bytes(16 // per_byte)
    key = png_chunk(b"tRNS", b"\0\1")
    return png(32, 32, row * 32, depth=depth, color=0, before=key)


def _one_bit() -> bytes:
    image = Image.new("1", (64, 48), 1)
    image.paste(0, (0, 0, 32, 24))
    return encode(image, "PNG")


def _trailing_zip() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("note.txt", "\u00ff\u00d8 behind the picture")
    return archive.getvalue()


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


_UPRIGHT: Final = {(8, 8): BLUE, (56, 8): RED, (8, 40): RED, (56, 40): RED}
_TURNED_RIGHT: Final = {(40, 8): BLUE, (8, 8): RED, (8, 56): RED, (40, 56): RED}
_ON_WHITE: Final = {(8, 8): WHITE, (56, 8): RED, (56, 40): (127, 127, 127)}
_S: Final = (64, 48)


def _jpeg(**options: Any) -> bytes:
    return encode(two_tone(), "JPEG", quality=95, **options)


READ: Final = (
    Read("JPEG", _jpeg, _S, _UPRIGHT),
    Read("progressive JPEG", lambda: _jpeg(progressive=True), _S, _UPRIGHT),
    Read("JPEG with restarts", lambda: _jpeg(restart_marker_blocks=1), _S, _UPRIGHT),
    Read("PNG", lambda: encode(two_tone(), "PNG"), _S, _UPRIGHT),
    Read("lossy WebP", lambda: encode(two_tone(), "WEBP", quality=95), _S, _UPRIGHT),
    Read("lossless WebP", lambda: encode(two_tone(), "WEBP", lossless=True), _S, _UPRIGHT),
    Read("gray JPEG", lambda: encode(Image.new("L", _S, 90), "JPEG"), _S, {(8, 8): (90,) * 3}),
    Read("orientation 6 in JPEG", lambda: _jpeg(exif=exif_block(6)), (48, 64), _TURNED_RIGHT),
    Read("orientation 6 in PNG", lambda: encode(two_tone(), "PNG", exif=exif_block(6)),
         (48, 64), _TURNED_RIGHT),
    Read("orientation 6 in WebP",
         lambda: encode(two_tone(), "WEBP", exif=exif_block(6), lossless=True),
         (48, 64), _TURNED_RIGHT),
    Read("orientation 99", lambda: _jpeg(exif=exif_block(99)), _S, _UPRIGHT),
    Read("corrupt EXIF", lambda: _jpeg(exif=_corrupt_exif()), _S, _UPRIGHT),
    Read("EXIF of garbage", lambda: _jpeg(exif=b"Exif\0\0" + b"\xa5" * 99), _S, _UPRIGHT),
    Read("CMYK", lambda: encode(two_tone(mode="CMYK"), "JPEG", quality=95), _S, _UPRIGHT),
    Read("16-bit gray", _sixteen_bit_gray, _S,
         {(0, 0): (0,) * 3, (16, 0): (65,) * 3, (32, 0): (130,) * 3, (63, 0): WHITE}),
    Read("16-bit RGB", _sixteen_bit_rgb, (32, 32),
         {(4, 4): (0x12, 0x80, 0xFF), (20, 4): (0x20, 0x40, 0x60)}),
    Read("16-bit RGB with a transparent colour",
         lambda: _sixteen_bit_rgb((0x1234, 0x8080, 0xFFFF)), (32, 32),
         {(4, 4): WHITE, (20, 4): (0x20, 0x40, 0x60)}),
    Read("palette with transparency", _palette_with_transparency, _S,
         {(8, 8): WHITE, (56, 40): RED}),
    Read("RGBA", lambda: _alpha("PNG"), _S, _ON_WHITE),
    Read("WebP with alpha", lambda: _alpha("WEBP", lossless=True, exact=True), _S, _ON_WHITE),
    Read("lossy WebP with alpha", lambda: _alpha("WEBP", quality=95), _S, _ON_WHITE),
    Read("gray and alpha", lambda: encode(Image.new("LA", _S, (0, 0)), "PNG"), _S,
         {(8, 8): WHITE}),
    Read("1-bit gray with a key", lambda: _gray_key(1), (32, 32),
         {(4, 4): WHITE, (20, 4): (0, 0, 0)}),
    Read("2-bit gray with a key", lambda: _gray_key(2), (32, 32),
         {(4, 4): WHITE, (20, 4): (0, 0, 0)}),
    Read("1-bit", _one_bit, _S, {(8, 8): (0, 0, 0), (56, 40): WHITE}),
    Read("animated WebP", lambda: _frames("WEBP"), _S, _UPRIGHT),
    Read("APNG", lambda: _frames("PNG"), _S, _UPRIGHT),
    Read("MPO", lambda: _frames("MPO"), _S, _UPRIGHT),
    Read("ICC profile", lambda: _jpeg(icc_profile=_profile()), _S, _UPRIGHT),
    Read("garbage ICC profile in JPEG", lambda: _jpeg(icc_profile=b"\xa5" * 3000), _S, _UPRIGHT),
    Read("garbage ICC profile in WebP",
         lambda: encode(two_tone(), "WEBP", lossless=True, icc_profile=b"\xa5" * 3000),
         _S, _UPRIGHT),
    Read("garbage ICC profile in PNG",
         lambda: png_with(png_chunk(b"iCCP", b"k\0\0" + b"\xa5" * 3000)), (32, 32), {(8, 8): RED}),
    Read("trailing ZIP behind JPEG", lambda: _jpeg() + _trailing_zip(), _S, _UPRIGHT),
    Read("trailing ZIP behind PNG", lambda: encode(two_tone(), "PNG") + _trailing_zip(), _S,
         _UPRIGHT),
    Read("trailing ZIP behind WebP",
         lambda: encode(two_tone(), "WEBP", lossless=True) + _trailing_zip(), _S, _UPRIGHT),
    Read("16 pixels wide, 100 times as high", lambda: huge_png(16, 1_600), (16, 1_600),
         {(8, 8): (0, 0, 0)}),
    Read("25 megapixels", lambda: huge_png(5_000, 5_000), (5_000, 5_000), {(8, 8): (0, 0, 0)}),
)  # fmt: skip
