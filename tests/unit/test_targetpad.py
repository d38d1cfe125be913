"""`targetpad` against the tensors recorded from the published transform."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway.pictures import to_pixels
from retrieval.preprocess.targetpad import CLIP_MEAN, CLIP_STD, targetpad
from tests.support.fake_encoder import BUNDLE

PARITY = Path(__file__).parents[1] / "parity"
PICTURES = json.loads((PARITY / "images.json").read_text())


@pytest.mark.parametrize("index", range(len(PICTURES)), ids=lambda i: PICTURES[i]["note"])
def test_is_bit_equal_to_the_published_transform(index: int) -> None:
    expected = np.load(PARITY / "transform_targetpad.npz")["images"][index]
    with Image.open(PARITY / "images" / PICTURES[index]["file"]) as image:
        assert image.mode == PICTURES[index]["mode"]
        actual = targetpad(image, size=224)

    assert actual.dtype == np.float32
    assert actual.flags.c_contiguous
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("index", [5, 6])
def test_converting_to_rgb_first_would_differ(index: int) -> None:
    """The order of the steps matters for palettes and alpha, so the recorded tensors can tell."""
    expected = np.load(PARITY / "transform_targetpad.npz")["images"][index]
    with Image.open(PARITY / "images" / PICTURES[index]["file"]) as image:
        assert np.abs(targetpad(image.convert("RGB"), size=224) - expected).max() > 1


@pytest.mark.parametrize("dimensions", [(16, 1600), (1600, 16), (97, 121), (96, 96), (17, 16)])
@pytest.mark.parametrize("size", [96, 224])
def test_is_square_for_every_shape(dimensions: tuple[int, int], size: int) -> None:
    assert targetpad(Image.new("RGB", dimensions, "red"), size=size).shape == (3, size, size)


def test_leaves_the_given_picture_alone() -> None:
    with Image.open(PARITY / "images" / "img_06.png") as image:
        before = image.tobytes()
        targetpad(image, size=224)
        assert (image.mode, image.tobytes()) == ("P", before)


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5])
def test_serving_pads_to_the_ratio_of_its_bundle(ratio: float) -> None:
    preprocess = BUNDLE.preprocess.model_copy(update={"target_ratio": ratio})
    bundle = BUNDLE.model_copy(update={"preprocess": preprocess})
    noise = np.random.default_rng(4).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    served = to_pixels(picture, bundle)
    side = bundle.sizes.image_size
    for other in (1.0, 1.25, 1.5):
        equal = np.array_equal(served, targetpad(picture, size=side, ratio=other))
        assert equal == (other == ratio)


_SHAPES = [(640, 480), (480, 640), (600, 590), (590, 600), (300, 31), (31, 300), (97, 96), (5, 9)]


@pytest.mark.parametrize("dimensions", _SHAPES)
@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0, 3.0])
@pytest.mark.parametrize("size", [32, 96, 224])
def test_the_shorter_way_of_rgb_leads_to_the_same_bytes(
    dimensions: tuple[int, int], ratio: float, size: int
) -> None:
    """RGBX has the same three bands and goes the long way: pad, resize, crop, convert."""
    width, height = dimensions
    noise = np.random.default_rng(11).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    long_way = targetpad(picture.convert("RGBX"), size=size, ratio=ratio)
    np.testing.assert_array_equal(targetpad(picture, size=size, ratio=ratio), long_way)


def test_every_8_bit_value_is_normalised_as_the_formula_says() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = targetpad(Image.fromarray(np.stack([ramp] * 3, axis=-1)), size=16)
    mean = np.asarray(CLIP_MEAN, dtype=np.float32)[:, None, None]
    std = np.asarray(CLIP_STD, dtype=np.float32)[:, None, None]
    unit = ramp.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(pixels, (unit - mean) / std)
