"""Noise, soft and fine."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]

_GRAIN_SIZE: Final = 512


def smooth_field(rng: np.random.Generator, cells: int, size: int) -> FloatArray:
    """Soft noise [size, size] float32, about -1..1, with features of size / cells."""
    coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    image = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image)


@lru_cache(maxsize=1)
def _grain_tile() -> FloatArray:
    tile = np.random.default_rng(20240229).normal(0, 1, (_GRAIN_SIZE, _GRAIN_SIZE))
    return tile.astype(np.float32)


def grain(rng: np.random.Generator, size: int) -> FloatArray:
    """Fine texture [size, size] float32 of unit variance, cut out of a fixed tile."""
    row, column = rng.integers(0, _GRAIN_SIZE, 2)
    rows = np.arange(row, row + size) % _GRAIN_SIZE
    columns = np.arange(column, column + size) % _GRAIN_SIZE
    piece: FloatArray = _grain_tile()[rows[:, None], columns[None, :]]
    return piece
