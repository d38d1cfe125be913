"""Checks of vectors before they are sent, and the pooled vector of a product."""

import numpy as np

from retrieval.domain import F32Array

_NORM_TOLERANCE = 0.02
_SMALLEST_MEAN = 1e-6


def checked_tokens(tokens: F32Array, query_tokens: int, embed_dim: int) -> F32Array:
    """Return target tokens [K, D] if they are finite and of unit norm, row by row.

    An index keeps what it is given: a NaN in it would be found by no query and by no one.

    Raises:
        ValueError: they are not.
    """
    if tokens.shape != (query_tokens, embed_dim):
        raise ValueError(f"expected tokens [{query_tokens}, {embed_dim}], got {tokens.shape}")
    _check_norms(tokens)
    return tokens


def checked_query(vectors: F32Array, query_tokens: int, embed_dim: int) -> F32Array:
    """Return a query as [1, D] or [K, D] if it is finite and of unit norm, row by row.

    Args:
        vectors: [D] or [K, D].
        query_tokens: K.
        embed_dim: D.

    Raises:
        ValueError: it has another shape, or is not of unit norm.
    """
    if vectors.shape not in ((embed_dim,), (query_tokens, embed_dim)):
        raise ValueError(
            f"expected a query [{embed_dim}] or [{query_tokens}, {embed_dim}], got {vectors.shape}"
        )
    rows = np.atleast_2d(vectors)
    _check_norms(rows)
    return rows


def checked_pool(vector: object, embed_dim: int) -> F32Array:
    """Return a pooled vector [D] as float32 if it is finite and of unit norm.

    Raises:
        ValueError: it is not, or is no vector of numbers.
    """
    pool = np.asarray(vector, np.float32)
    if pool.shape != (embed_dim,):
        raise ValueError(f"expected a pooled vector [{embed_dim}], got {pool.shape}")
    _check_norms(pool)
    return pool


def pooled(tokens: F32Array) -> F32Array:
    """The normalised mean [D] of tokens [N, D]; their first where they cancel out."""
    mean = tokens.mean(axis=0)
    norm = np.linalg.norm(mean)
    if norm < _SMALLEST_MEAN:
        mean, norm = tokens[0], np.float32(1)
    return np.asarray(mean / norm, np.float32)


def _check_norms(rows: F32Array) -> None:
    # A norm that is NaN is not close to one either.
    if not (np.abs(np.linalg.norm(rows, axis=-1) - 1) <= _NORM_TOLERANCE).all():
        raise ValueError("vectors must be finite and of unit norm")
