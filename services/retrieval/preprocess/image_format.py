"""Which picture format some bytes are, told from the bytes alone: names and media types lie."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from retrieval.preprocess import jpeg, png


class ImageFormat(StrEnum):
    """The formats that can be read; the last two only where an installation asks for them."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"


_OTHER_SIGNATURES: Final = (
    b"II*\0", b"MM\0*", b"II+\0", b"MM\0+",  # TIFF and BigTIFF
    b"8BPS",  # PSD
    b"%PDF-",
    b"%!PS", b"\xc5\xd0\xd3\xc6",  # EPS
    b"\0\0\1\0", b"\0\0\2\0",  # ICO and CUR
    b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51",  # JPEG 2000
    b"\0\0\0\x0cJXL ", b"\xff\x0a",  # JPEG XL
)  # fmt: skip
_HEIF_BRANDS: Final = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"mif1", b"msf1"}
_BMP_HEADER_BYTES: Final = {12, 40, 52, 56, 64, 108, 124}
_SVG_PROLOGUES: Final = (b"<?xml", b"<!--", b"<!doctype svg")

_TESTS: Final[dict[ImageFormat, Callable[[bytes], bool]]] = {
    ImageFormat.JPEG: lambda data: data.startswith(jpeg.SIGNATURE),
    ImageFormat.PNG: lambda data: data.startswith(png.SIGNATURE),
    ImageFormat.WEBP: lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    ImageFormat.GIF: lambda data: data.startswith((b"GIF87a", b"GIF89a")),
    ImageFormat.AVIF: lambda data: bool({b"avif", b"avis"} & _brands(data)),
}


def detect_format(data: bytes) -> ImageFormat | None:
    """The readable format that `data` begins as, or None."""
    return next((name for name, test in _TESTS.items() if test(data)), None)


def is_other_picture(data: bytes) -> bool:
    """Whether `data` begins as a picture or a document of a kind that is not read here."""
    if data.startswith(_OTHER_SIGNATURES) or _HEIF_BRANDS & _brands(data):
        return True
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_BYTES:
        return True
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith(b"<svg") or (start.startswith(_SVG_PROLOGUES) and b"<svg" in start)


def _brands(data: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO base media file."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12]} | {data[at : at + 4] for at in range(16, end, 4)}
