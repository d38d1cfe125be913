"""What is kept of a picture's file, and what is refused before it can do harm."""

import struct
import time
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from catalog.pictures.reading import MAX_FILE_BYTES, REDUCED_SIDE, read_picture
from catalog.pictures.refused import PictureRefused
from retrieval.preprocess.limits import MAX_BYTES, MAX_PIXELS
from retrieval.preprocess.upload import normalise_upload
from tests.training.catalog.pictures.drawn import drawn, encoded

ORIENTATION = 0x0112


def reason(content: bytes) -> str:
    with pytest.raises(PictureRefused) as caught:
        read_picture(content)
    assert caught.value.message.endswith(".")
    return caught.value.reason


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and has none."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 1000) + b"IDAT"


@pytest.mark.parametrize(("form", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_plain_file_keeps_its_bytes(form: str, suffix: str, mode: str) -> None:
    content = encoded(drawn(1, mode=mode), form)
    read = read_picture(content)
    assert (read.content, read.suffix) == (content, suffix)
    assert (read.image.mode, read.image.size) == ("RGB", (240, 320))


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "AVIF"])
def test_other_formats_become_a_png_of_their_first_frame(form: str) -> None:
    first = drawn(1).quantize(32).convert("RGB")
    more = {"save_all": True, "append_images": [drawn(2)]} if form in ("GIF", "TIFF") else {}
    read = read_picture(encoded(first, form, **more))
    assert read.suffix == ".png"
    apart = np.abs(np.asarray(normalise_upload(read.content), int) - np.asarray(first, int))
    assert apart.mean() < (4 if form == "AVIF" else 1)


def test_every_reader_sees_what_is_kept_alike() -> None:
    """Turned by EXIF, transparent, 16 bits, CMYK: plain Pillow sees what the service sees."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    clear = drawn(1, mode="RGBA")
    clear.paste((250, 0, 0, 0), (0, 0, 120, 160))
    deep = Image.fromarray((np.asarray(drawn(1, mode="L")).astype(np.uint16) << 8) + 77)
    files = {
        "turned": encoded(drawn(1), "JPEG", exif=exif.tobytes()),
        "transparent": encoded(clear, "PNG"),
        "deep": encoded(deep, "PNG"),
        "cmyk": encoded(drawn(1, mode="CMYK"), "JPEG"),
        "clear palette": encoded(clear, "GIF"),
    }
    for name, content in files.items():
        read = read_picture(content)
        with Image.open(BytesIO(read.content)) as plain:
            pixels = np.asarray(plain.convert("RGB"), int)
        assert np.array_equal(pixels, np.asarray(normalise_upload(read.content))), name
        if name != "clear palette":
            apart = np.abs(pixels - np.asarray(normalise_upload(content), int)).mean()
            assert apart < 4, name
    assert read_picture(files["turned"]).image.size == (320, 240)
    assert read_picture(files["transparent"]).image.getpixel((9, 9)) == (255, 255, 255)


def test_what_the_service_would_find_too_large_is_reduced() -> None:
    many_pixels = encoded(drawn(1, (6300, 4000)), "JPEG", quality=50)
    noise = np.random.default_rng(1).integers(0, 256, (1900, 1900, 3), np.uint8)
    many_bytes = encoded(Image.fromarray(noise), "PNG", compress_level=0)
    assert MAX_PIXELS < 6300 * 4000
    assert len(many_bytes) > MAX_BYTES
    reduced = read_picture(many_pixels)
    assert (reduced.suffix, max(reduced.image.size)) == (".jpg", REDUCED_SIDE)
    assert normalise_upload(reduced.content).size == (3000, 1905)
    assert normalise_upload(read_picture(many_bytes).content).size == (1900, 1900)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_truncated_file_is_refused(form: str, share: float) -> None:
    content = encoded(drawn(3), form)
    assert reason(content[: int(len(content) * share)]) in {
        "IMAGE_TRUNCATED",
        "IMAGE_CORRUPT",
        "IMAGE_NOT_AN_IMAGE",
    }


def test_a_jpeg_without_its_last_two_bytes_is_refused() -> None:
    assert reason(encoded(drawn(3))[:-2]) == "IMAGE_TRUNCATED"


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    begin = time.process_time()
    assert reason(png_header(10_000, 5_001)) == "IMAGE_TOO_MANY_PIXELS"
    assert reason(png_header(10_000, 10_000)) == "IMAGE_TOO_MANY_PIXELS"
    assert reason(png_header(60_000, 60_000)) == "IMAGE_TOO_MANY_PIXELS"
    blank = encoded(Image.new("1", (9_000, 9_000)), "TIFF", compression="group4")
    assert len(blank) < 50_000
    assert reason(blank) == "IMAGE_TOO_MANY_PIXELS"
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "IMAGE_EMPTY"),
        (b"<html>404 not found</html>" * 40, "IMAGE_NOT_AN_IMAGE"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "IMAGE_NOT_AN_IMAGE"),
        (encoded(drawn(1, (63, 200))), "IMAGE_TOO_SMALL"),
        (encoded(drawn(1, (64, 6_600))), "IMAGE_ASPECT_RATIO"),
        (encoded(Image.new("RGB", (200, 200), (250, 250, 251))), "IMAGE_FLAT"),
        (encoded(Image.new("LA", (200, 200), (9, 0)), "PNG"), "IMAGE_FLAT"),
    ],
)
def test_refused(content: bytes, expected: str) -> None:
    assert reason(content) == expected


def test_too_many_bytes() -> None:
    assert reason(encoded(drawn(1)) + bytes(MAX_FILE_BYTES)) == "IMAGE_TOO_MANY_BYTES"


def test_a_little_on_white_is_a_picture() -> None:
    image = Image.new("RGB", (400, 400), "white")
    image.paste((240, 240, 240), (150, 150, 250, 250))
    assert read_picture(encoded(image)).suffix == ".jpg"
