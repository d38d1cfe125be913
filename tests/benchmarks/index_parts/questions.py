"""Questions to an index, and how right an answer is.

As in the recall audit a question is either one vector between a product's mean and a token of
another (composed), or a product's own tokens (image-only); the questions are others than the
audit's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import F32Array
from tests.benchmarks.index_parts.catalogs import Catalog

# Scores of one numpy computation are compared, so only its own rounding counts. An image-only
# query's first scores lie 1e-4 from each other: any more would call wrong hits right.
ROUNDING: Final = 1e-5
_CHUNK: Final = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked, and the exact score of every product.

    Attributes:
        rows: [1, D] or [K, D] float32 of unit norm.
        reference: the number of the product that is left out of the answer.
        scores: [N] float32, the mean over the rows of each one's best match; the reference's is
            minus infinity.
    """

    rows: F32Array
    reference: int
    scores: F32Array

    def recall(self, answer: Sequence[int], top: int, passing: NDArray[np.bool_]) -> float:
        """Share of the best ``top`` products that pass that are among the answer's first ``top``.

        A hit is right if it scores as well as the last of them, so that ties are no errors.
        """
        scores = self.scores[passing]
        wanted = min(top, int(np.isfinite(scores).sum()))
        if not wanted:
            return 1.0
        last = np.partition(scores, -wanted)[-wanted]
        hits = self.scores[np.asarray(answer[:top], int)]
        return min(wanted, int((hits >= last - ROUNDING).sum())) / wanted


def composed(catalog: Catalog, count: int, *, seed: int) -> list[Question]:
    """Questions of one vector."""
    random = np.random.default_rng(seed)
    references = random.choice(len(catalog), count, replace=count > len(catalog))
    rows = []
    for reference in references:
        mean = catalog.some(reference, 1)[0].mean(axis=0)
        other = catalog.some(int(random.integers(len(catalog))), 1)[0]
        wished = mean / np.linalg.norm(mean) + random.choice(other)
        rows.append((wished / np.linalg.norm(wished))[None].astype(np.float32))
    return scored(catalog, rows, references)


def image_only(catalog: Catalog, count: int, *, seed: int) -> list[Question]:
    """Questions of K vectors."""
    references = np.random.default_rng(seed).choice(len(catalog), count)
    rows = [catalog.some(int(reference), 1)[0] for reference in references]
    rows = [each / np.linalg.norm(each, axis=-1, keepdims=True) for each in rows]
    return scored(catalog, rows, references)


def scored(
    catalog: Catalog, rows: Sequence[F32Array], references: Sequence[int] | NDArray[np.int64]
) -> list[Question]:
    """The questions with their exact scores; the tokens are read a part at a time, once."""
    asked = np.concatenate(rows)
    lengths = [len(each) for each in rows]
    starts = np.cumsum([0, *lengths[:-1]])
    scores = np.empty((len(rows), len(catalog)), np.float32)
    tokens, dim = catalog.sizes
    for start in range(0, len(catalog), _CHUNK):
        part = catalog.some(start, _CHUNK)
        matches = part.reshape(-1, dim) @ asked.T
        best = matches.reshape(len(part), tokens, -1).max(axis=1)
        summed = np.add.reduceat(best, starts, axis=1).T
        scores[:, start : start + len(part)] = summed / np.asarray(lengths)[:, None]
    for number, reference in enumerate(references):
        scores[number, reference] = -np.inf
    return [
        Question(own, int(reference), scores[number])
        for number, (own, reference) in enumerate(zip(rows, references, strict=True))
    ]
