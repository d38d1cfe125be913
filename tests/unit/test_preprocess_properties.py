"""Preprocessing of pictures of any size: what lossless formats keep arrives, pixel by pixel."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from retrieval.preprocess.limits import MAX_ASPECT, MIN_SIDE
from retrieval.preprocess.targetpad import CLIP_MEAN, CLIP_STD, targetpad
from retrieval.preprocess.upload import normalise_upload
from tests.support import pictures

SIDES = st.integers(MIN_SIDE, 70)
SIZES = st.tuples(SIDES, SIDES)
COLORS = st.tuples(*[st.integers(0, 255)] * 3)
RATIOS = st.floats(1, 4)


def noise(size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """[height, width, channels] of chance that is the same for the same size."""
    chance = np.random.default_rng(size)
    return chance.integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.sampled_from(["PNG", "WEBP"]))
def test_a_lossless_upload_arrives_as_it_was(size: tuple[int, int], name: str) -> None:
    pixels = noise(size, 3)
    options = {"lossless": True} if name == "WEBP" else {}
    image = normalise_upload(pictures.encode(Image.fromarray(pixels), name, **options))
    np.testing.assert_array_equal(np.asarray(image), pixels)


@settings(deadline=None, max_examples=40)
@given(SIZES)
def test_what_is_transparent_lies_on_white(size: tuple[int, int]) -> None:
    pixels = noise(size, 4)
    image = normalise_upload(pictures.encode(Image.fromarray(pixels), "PNG"))
    color, alpha = pixels[..., :3].astype(float), pixels[..., 3:] / 255
    assert np.abs(np.asarray(image) - (color * alpha + 255 * (1 - alpha))).max() <= 1


@settings(deadline=None, max_examples=30)
@given(SIZES, st.sampled_from([1, 3, 6, 8]), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_an_upload_has_the_size_that_its_orientation_says(
    size: tuple[int, int], orientation: int, name: str
) -> None:
    picture = Image.fromarray(noise(size, 3))
    image = normalise_upload(pictures.encode(picture, name, exif=pictures.exif_block(orientation)))
    assert image.size == (size[::-1] if orientation >= 5 else size)


@settings(deadline=None, max_examples=60)
@given(SIDES, st.floats(1, MAX_ASPECT), st.booleans(), st.sampled_from([32, 224]), RATIOS)
def test_every_picture_becomes_a_square_within_bounds(
    short: int, aspect: float, upright: bool, size: int, ratio: float
) -> None:
    sides = (short, min(int(short * aspect), 1200))
    picture = Image.fromarray(noise(sides if upright else sides[::-1], 3))
    result = targetpad(picture, size=size, ratio=ratio)
    mean, std = np.array(CLIP_MEAN)[:, None, None], np.array(CLIP_STD)[:, None, None]
    back = (result * std + mean) * 255
    assert (result.shape, result.dtype) == ((3, size, size), np.float32)
    assert np.abs(back - back.round()).max() < 1e-3
    assert back.round().min() >= 0
    assert back.round().max() <= 255


@settings(deadline=None, max_examples=60)
@given(SIZES, COLORS, RATIOS)
def test_one_color_stays_one_color(
    size: tuple[int, int], color: tuple[int, int, int], ratio: float
) -> None:
    """All of it where nothing is padded, and its middle in any case."""
    result = targetpad(Image.new("RGB", size, color), size=64, ratio=ratio)
    whole = targetpad(Image.new("RGB", (64, 64), color), size=64)
    np.testing.assert_array_equal(result[:, 32, 32], whole[:, 32, 32])
    if max(size) / min(size) < ratio:
        np.testing.assert_array_equal(result, whole)
