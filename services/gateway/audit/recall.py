"""The recall audit: which route searches of a collection should take, by asking it.

What is asked. Shoppers' queries are personal data and are kept nowhere, so the questions are made
of what the index holds. A product is drawn from all catalogs alike, and gives two questions, of the
two shapes that searches have:

- *composed*: one vector, between the product as a whole (the mean of its tokens: the reference) and
  one token of another (what is wished for, which MaxSim finds by one token). Words alone are one
  vector as well. On the demo model such questions need L=300 for .99 where its real composed
  queries need 100, so the choice is on the safe side.
- *image-only*: the product's own K tokens.

Each is asked in the product's catalog and without the product itself, as a search by product
excludes its reference. A route must keep its recall for both shapes: the lower one counts.

What is chosen. The smallest depth L of the pooled route whose first 50 are those of the exact
ranking, to .99 or more; the int8 scan where no depth does. A hit is right if it scores as well as
the exact ranking's last, so products that show the same picture do not count as errors.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

import numpy as np

from retrieval.domain import (
    Deadline,
    Exact,
    F32Array,
    IndexedProduct,
    IndexQuery,
    Pooled,
    Ranked,
    Scan,
    Tuning,
)
from retrieval.errors import DependencyTimeout
from retrieval.ports import AuditedIndex, ProductIndex

TOP: Final = 50
ENOUGH: Final = 0.99
_DEPTHS: Final = (200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000)
# Ranking a candidate reads its tokens from wherever they lie, at twice the bytes of the int8 form:
# beyond this part of the products the scan is the cheaper one.
_LARGEST_PART: Final = 4
# After each question the audit rests this many times as long as it took, so that searches have
# three quarters of the index to themselves, even where it answers one call at a time.
_REST: Final = 3.0
_ROUNDING: Final = 1e-5
_SMALLEST_NORM: Final = 1e-3


class _Shape(Enum):
    COMPOSED = auto()
    IMAGE_ONLY = auto()


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A query with the exact ranking's length and last score: what an answer is judged by."""

    shape: _Shape
    query: IndexQuery
    expected: int
    last_score: float


class RecallAudit:
    """The audit use case, for one model's collection.

    Args:
        index: answers the questions.
        audits: where they come from and where the choice is kept.
        sample: products to ask about; each gives two questions.
        budget_s: time for all of it. The exact rankings may take half of that; where they would
            need more, the sample is smaller.
        smallest_depth: hits that a search ranks: fewer candidates are never taken.
        random: draws the tokens that make composed questions.
    """

    def __init__(
        self,
        index: ProductIndex,
        audits: AuditedIndex,
        *,
        sample: int,
        budget_s: float,
        smallest_depth: int,
        random: np.random.Generator,
    ) -> None:
        self._index = index
        self._audits = audits
        self._sample = sample
        self._budget_s = budget_s
        self._smallest_depth = smallest_depth
        self._random = random

    async def run(self) -> Tuning | None:
        """Choose a route and keep it with the collection.

        None where there is nothing to compare: no catalog has two products. Raises
        `RecomposeError` when the index fails or time runs out; what was kept before then stays.
        """
        deadline = Deadline.after(self._budget_s)
        audited_at_s = time.time()
        products = await self._audits.count(deadline)
        questions = await self._questions(deadline)
        if not questions:
            return None
        route, recall = await self._choose(questions, products, deadline)
        tuning = Tuning(route, recall, products, len(questions), audited_at_s)
        await self._audits.keep(tuning, deadline)
        return tuning

    async def _questions(self, deadline: Deadline) -> list[_Question]:
        """Questions with their exact answers; those that have none are left out."""
        half = self._budget_s / 2
        items = await self._audits.sample(self._sample, deadline)
        questions: list[_Question] = []
        for number, item in enumerate(items):
            if questions and deadline.remaining_s() < half:
                break
            other = items[(number + 1) % len(items)]
            for shape, vectors in (
                (_Shape.COMPOSED, self._composed(item, other)),
                (_Shape.IMAGE_ONLY, item.tokens),
            ):
                product = item.product
                query = IndexQuery(
                    product.catalog, vectors, TOP, exclude=(product.point_id,), route=Exact()
                )
                exact = await self._ask(query, deadline)
                if exact:
                    questions.append(_Question(shape, query, len(exact), exact[-1].score))
        return questions

    def _composed(self, reference: IndexedProduct, wished: IndexedProduct) -> F32Array:
        """A vector [D] of unit norm between a product's mean and a token of another."""
        mean = reference.tokens.mean(axis=0)
        token = self._random.choice(wished.tokens)
        mixed = mean / max(float(np.linalg.norm(mean)), _SMALLEST_NORM) + token
        if np.linalg.norm(mixed) < _SMALLEST_NORM:
            mixed = token
        return np.asarray(mixed / np.linalg.norm(mixed), np.float32)

    async def _choose(
        self, questions: Sequence[_Question], products: int, deadline: Deadline
    ) -> tuple[Pooled | Scan, float]:
        """The smallest depth with recall enough, found by bisection; else the scan."""
        depths = candidate_depths(self._smallest_depth, products)
        low, high = 0, len(depths)
        measured: dict[int, float] = {}
        while low < high:
            middle = (low + high) // 2
            measured[middle] = await self._recall(questions, Pooled(depths[middle]), deadline)
            if measured[middle] >= ENOUGH:
                high = middle
            else:
                low = middle + 1
        if low < len(depths):
            return Pooled(depths[low]), measured[low]
        deepest = len(depths) - 1
        try:
            return Scan(), await self._recall(questions, Scan(), deadline)
        except DependencyTimeout:
            if not deadline.remaining_s():
                raise
            # A scan that has no answer in the time of a search would be none for shoppers either.
            return Pooled(depths[deepest]), measured[deepest]

    async def _recall(
        self, questions: Sequence[_Question], route: Pooled | Scan, deadline: Deadline
    ) -> float:
        """Recall@50 of a route, the lower one of the two shapes."""
        right = dict.fromkeys(_Shape, 0)
        wanted = dict.fromkeys(_Shape, 0)
        for question in questions:
            answer = await self._ask(replace(question.query, route=route), deadline)
            least = question.last_score - _ROUNDING
            right[question.shape] += sum(hit.score >= least for hit in answer)
            wanted[question.shape] += question.expected
        return min(right[shape] / wanted[shape] for shape in _Shape if wanted[shape])

    async def _ask(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        """The answer, after a rest in proportion to what it cost."""
        started = time.monotonic()
        answer = await self._index.search(query, deadline)
        await asyncio.sleep(_REST * (time.monotonic() - started))
        return answer


def candidate_depths(smallest: int, products: int) -> list[int]:
    """Depths worth trying, ascending: none beyond a quarter of the products but the smallest."""
    most = max(smallest, products // _LARGEST_PART)
    return [smallest, *(depth for depth in _DEPTHS if smallest < depth <= most)]
