"""Random inputs of the tiny bundle's shapes."""

import numpy as np

from retrieval.domain import F32Array, I64Array
from tests.support.tiny_bundle import SIZES, VOCABULARY


def pictures(batch: int, seed: int = 0) -> F32Array:
    """[B, 3, S, S] float32."""
    shape = (batch, 3, SIZES.image_size, SIZES.image_size)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def texts(batch: int, seed: int = 0) -> tuple[I64Array, I64Array]:
    """ids and mask, each [B, T] int64; the first token of each text is always there."""
    random = np.random.default_rng(seed)
    ids = random.integers(VOCABULARY, size=(batch, SIZES.text_length))
    lengths = random.integers(1, SIZES.text_length + 1, size=(batch, 1))
    mask = (np.arange(SIZES.text_length) < lengths).astype(np.int64)
    return ids, mask
