"""Parts of the benchmarks' section about the cache, each by itself."""

import io

import numpy as np
import pytest
from PIL import Image

from retrieval.preprocess.upload import normalise_upload
from tests.benchmarks.cache_parts.photos import Photos
from tests.benchmarks.cache_parts.rankings import from_int8, to_int8


def test_photos_differ_in_bytes_alone() -> None:
    photos = Photos(80, 60)
    one, other = next(photos), next(photos)
    assert one != other
    assert normalise_upload(one).tobytes() == normalise_upload(other).tobytes()
    assert Image.open(io.BytesIO(one)).size == (80, 60)


def test_photos_of_two_runs_differ() -> None:
    assert next(Photos(80, 60)) != next(Photos(80, 60))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
def test_int8_is_off_by_half_a_step_at_most(scale: float) -> None:
    embeds = (scale * np.random.default_rng(1).standard_normal((2, 5, 32))).astype(np.float16)
    codes, steps = to_int8(embeds)
    assert codes.dtype == np.int8
    assert steps.shape == (2, 5, 1)
    difference = np.abs(from_int8(codes, steps).astype(np.float32) - embeds)
    assert (difference <= steps * 0.51 + np.abs(embeds) * 1e-3).all()


def test_int8_of_a_row_of_zeros_is_zeros() -> None:
    codes, steps = to_int8(np.zeros((1, 4), np.float16))
    assert not from_int8(codes, steps).any()
