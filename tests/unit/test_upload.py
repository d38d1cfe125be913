"""What becomes of uploaded pictures: the tables of tests/support/picture_cases.py, and chance."""

import io
import random
import sys
import threading
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retrieval.errors import CallerError, ImageTooLarge, InvalidImage, UnsupportedImage
from retrieval.preprocess import jpeg
from retrieval.preprocess.exif import read_orientation
from retrieval.preprocess.image_format import ImageFormat
from retrieval.preprocess.upload import DEFAULT_FORMATS, normalise_upload
from tests.support import pictures
from tests.support.picture_cases import READ, REFUSED, Read, Refused

STATUS = {InvalidImage: 422, ImageTooLarge: 413, UnsupportedImage: 415}
SEEDS = [
    pictures.encode(pictures.textured((48, 40)), "JPEG"),
    pictures.encode(pictures.textured((48, 40)), "JPEG", progressive=True),
    pictures.encode(pictures.textured((48, 40)).convert("P"), "PNG"),
    pictures.encode(pictures.textured((48, 40)), "WEBP", exif=pictures.exif_block(3)),
    pictures.encode(pictures.textured((48, 40)).convert("RGBA"), "WEBP", lossless=True),
]


def near(image: Image.Image, place: tuple[int, int], expected: pictures.Color) -> bool:
    x, y = place
    return bool(np.abs(np.asarray(image)[y, x].astype(int) - expected).max() <= 6)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refuses(case: Refused) -> None:
    data = case.make()
    begin = time.perf_counter()
    with pytest.raises(CallerError) as caught:
        normalise_upload(data)

    assert (STATUS[type(caught.value)], caught.value.reason.value) == (case.status, case.reason)
    assert time.perf_counter() - begin < 3


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_reads(case: Read) -> None:
    image = normalise_upload(case.make())

    assert (image.mode, image.size, image.info) == ("RGB", case.size, {})
    wrong = [place for place, color in case.pixels.items() if not near(image, place, color)]
    assert not wrong


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 64, 1 << 20])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_the_same_in_pieces_of_any_size(
    piece_bytes: int, progressive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pictures.encode(pictures.textured(), "JPEG", progressive=progressive)
    whole = normalise_upload(data)
    monkeypatch.setattr(jpeg, "_PIECE_BYTES", piece_bytes)
    assert normalise_upload(data).tobytes() == whole.tobytes()
    with pytest.raises(InvalidImage):
        normalise_upload(data[:-2])


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    """Python's allocator is watched: a 32 MiB text must not come to be in memory."""
    names = {"zTXt of 32 MiB", "iCCP of 32 MiB", "pixels of 32 MiB behind a small header"}
    bombs = [case.make() for case in REFUSED if case.name in names]
    tracemalloc.start()
    for bomb in bombs:
        with pytest.raises(InvalidImage):
            normalise_upload(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(bombs) == 3
    assert peak < 10 << 20


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(orientation: int) -> None:
    upright = pictures.textured((64, 48))
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    held = upright if orientation == 1 else upright.transpose(inverse[orientation])
    data = pictures.encode(held, "PNG", exif=pictures.exif_block(orientation))

    np.testing.assert_array_equal(normalise_upload(data), upright)


def test_an_interlaced_png_is_read() -> None:
    """Adam7 by hand: one colour, so the order of the seven passes does not show in the pixels."""
    width, height = 21, 18
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    rows = b"".join(
        pictures.rgb_rows(len(range(x, width, dx)), len(range(y, height, dy)))
        for x, y, dx, dy in [*steps, (0, 1, 1, 2)]
    )
    data = bytearray(pictures.png(width, height, rows))
    data[28] = 1
    header = pictures.png_chunk(b"IHDR", bytes(data[16:29]))
    image = normalise_upload(bytes(data[:8]) + header + bytes(data[33:]))

    assert image.size == (width, height)
    assert (np.asarray(image) == pictures.RED).all()


@pytest.mark.parametrize("name", ["GIF", "AVIF"])
def test_other_formats_are_read_where_switched_on(name: str) -> None:
    data = pictures.encode(pictures.two_tone(), name)
    image = normalise_upload(data, formats={*DEFAULT_FORMATS, ImageFormat(name.lower())})

    assert (image.mode, image.size) == ("RGB", (64, 48))
    assert near(image, (8, 8), pictures.BLUE)
    with pytest.raises(InvalidImage):
        normalise_upload(data[: len(data) // 2], formats={ImageFormat(name.lower())})


@pytest.mark.parametrize("name", ["GIF", "AVIF"])
def test_no_flipped_bit_of_another_format_is_more_than_a_refusal(name: str) -> None:
    data = pictures.encode(pictures.textured((24, 20)), name)
    refused = 0
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1
        try:
            image = normalise_upload(bytes(damaged), formats={ImageFormat(name.lower())})
        except (InvalidImage, ImageTooLarge, UnsupportedImage):
            refused += 1
        else:
            assert image.mode == "RGB"
    assert refused


@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False), st.integers(1, 8))
@settings(max_examples=600, deadline=None)
def test_damaged_files_are_read_or_refused(data: bytes, chance: random.Random, hits: int) -> None:
    damaged = bytearray(data)
    for _ in range(hits):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    try:
        image = normalise_upload(bytes(damaged))
    except (InvalidImage, ImageTooLarge, UnsupportedImage):
        return
    assert image.mode == "RGB"


@given(st.sampled_from(SEEDS), st.data())
@settings(max_examples=200, deadline=None)
def test_every_cut_is_refused(data: bytes, draw: st.DataObject) -> None:
    with pytest.raises(InvalidImage):
        normalise_upload(data[: draw.draw(st.integers(0, len(data) - 1))])


@given(st.sampled_from(SEEDS[:3]), st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_trailing_bytes_change_nothing(data: bytes, trailing: bytes) -> None:
    np.testing.assert_array_equal(normalise_upload(data + trailing), normalise_upload(data))


@settings(deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"II*\0" + tail))
def test_every_exif_block_has_an_orientation(block: bytes) -> None:
    assert 1 <= read_orientation(block) <= 8


def test_a_flipped_bit_in_a_png_is_always_refused() -> None:
    data = pictures.encode(pictures.textured((24, 20)), "PNG")
    for position in range(len(data)):
        with pytest.raises(CallerError):
            normalise_upload(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])


def test_threads_do_not_disturb_each_other() -> None:
    expected = [normalise_upload(data).tobytes() for data in SEEDS]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            for index, data in enumerate(SEEDS):
                if normalise_upload(data).tobytes() != expected[index]:
                    wrong.append(index)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pillow_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that others set in Pillow is neither used nor changed."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    normalise_upload(SEEDS[0])
    assert Image.MAX_IMAGE_PIXELS == 1
    assert sys.modules["PIL.ImageFile"].LOAD_TRUNCATED_IMAGES is False


def test_an_error_carries_nothing_of_the_picture() -> None:
    secret = b"GIF89a" + b"somebody's words"
    with pytest.raises(UnsupportedImage) as caught:
        normalise_upload(secret)
    assert "somebody" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_picture_of_its_own_is_returned() -> None:
    """No open file behind it, and writing to it is safe."""
    image = normalise_upload(SEEDS[2])
    image.putpixel((0, 0), (1, 2, 3))
    assert not hasattr(image, "fp")
    assert Image.open(io.BytesIO(SEEDS[2])).size == image.size
