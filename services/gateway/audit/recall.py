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
excludes its reference.

What is chosen, for each shape by itself: they differ. Where a product's tokens resemble each other
little, one vector needs a pool of thousands and is cheap to scan for, while K vectors need few
candidates and cost K times as much to scan for. It is the smallest depth L of the pooled route
whose first 50 are those of the exact ranking, to .99 or more; the int8 scan where no depth does, or
where it is clearly the faster of the two, as measured here. A sample errs: the standard error of
its recall comes off before that is enough. A hit is right if it scores as well as the exact
ranking's last, so products that show the same picture do not count as errors.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from statistics import median
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
# Each a quarter more than the one before, so that a choice is never much too deep.
_DEPTHS: Final = (
    *(200, 250, 300, 400, 500, 600, 750),
    *(1000, 1250, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 7500, 10_000),
)
# Questions that both routes are timed with, in turn.
_TIMED: Final = 9
# The scan grows with the catalog: it must be faster by more than a measurement errs.
_NOTICEABLE_SHARE: Final = 0.1
_NOTICEABLE_S: Final = 2e-4
# A scan that took so many times as long is not timed any further.
_HOPELESS: Final = 2.0
# After each question the audit rests this many times as long as it took, so that searches have
# three quarters of the index to themselves, even where it answers one call at a time.
REST: Final = 3.0
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


@dataclass(frozen=True, slots=True)
class _Recall:
    """Of a sample: its mean, and how far that may be off (one standard error)."""

    mean: float
    error: float

    @property
    def enough(self) -> bool:
        return self.mean - self.error >= ENOUGH


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
        rest: after each question, in multiples of what it took.
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
        rest: float = REST,
    ) -> None:
        self._index = index
        self._audits = audits
        self._sample = sample
        self._budget_s = budget_s
        self._ranked = smallest_depth
        self._random = random
        self._rest = rest

    async def run(self) -> Tuning | None:
        """Choose a route for each shape and keep them with the collection.

        None where there is nothing to compare: no catalog has two products. Raises
        `RecomposeError` when the index fails or time runs out; what was kept before then stays.
        """
        deadline = Deadline.after(self._budget_s)
        audited_at_s = time.time()
        products = await self._audits.count(deadline)
        questions = await self._questions(deadline)
        if not questions:
            return None
        chosen = {
            shape: await self._choose(own, products, deadline)
            for shape in _Shape
            if (own := [question for question in questions if question.shape is shape])
        }
        route, _ = chosen[_Shape.COMPOSED]
        image_only, _ = chosen[_Shape.IMAGE_ONLY]
        tuning = Tuning(
            route,
            min(recall for _, recall in chosen.values()),
            products,
            len(questions),
            audited_at_s,
            None if image_only == route else image_only,
        )
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
        """The route of one shape, and its recall."""
        pooled, found = await self._smallest_depth(questions, products, deadline)
        try:
            if found.enough and not await self._scan_is_faster(questions, pooled, deadline):
                return pooled, found.mean
            scanned = await self._recall(questions, Scan(), deadline)
        except DependencyTimeout:
            if not deadline.remaining_s():
                raise
            # A scan that has no answer in the time of a search would be none for shoppers either.
            return pooled, found.mean
        if scanned.enough or scanned.mean >= found.mean:
            return Scan(), scanned.mean
        return pooled, found.mean

    async def _smallest_depth(
        self, questions: Sequence[_Question], products: int, deadline: Deadline
    ) -> tuple[Pooled, _Recall]:
        """The smallest depth with recall enough, found by bisection; else the deepest one that a
        search has the time for. Raises `DependencyTimeout` where it has that for none."""
        depths = candidate_depths(self._ranked, products)
        low, high = 0, len(depths) - 1
        enough: tuple[Pooled, _Recall] | None = None
        deepest: tuple[Pooled, _Recall] | None = None
        while low <= high:
            middle = (low + high) // 2
            route = Pooled(depths[middle])
            try:
                found = await self._recall(questions, route, deadline)
            except DependencyTimeout:
                if not middle or not deadline.remaining_s():
                    raise
                high = middle - 1  # too slow for a search, as all deeper ones are
                continue
            if found.enough:
                enough, high = (route, found), middle - 1
            else:
                deepest, low = (route, found), middle + 1
        chosen = enough or deepest
        if chosen is None:
            raise AssertionError("the smallest depth was measured, or its timeout raised")
        return chosen

    async def _scan_is_faster(
        self, questions: Sequence[_Question], pooled: Pooled, deadline: Deadline
    ) -> bool:
        """Whether the scan takes less time than the pooled route, for as many hits as a search
        ranks. Raises `DependencyTimeout` where the scan has no answer in the time of a search."""
        taken: dict[Pooled | Scan, list[float]] = {pooled: [], Scan(): []}
        for question in questions[:_TIMED]:
            for route, seconds in taken.items():
                query = replace(question.query, route=route, limit=self._ranked)
                started = time.monotonic()
                await self._index.search(query, deadline)
                seconds.append(time.monotonic() - started)
                await asyncio.sleep(self._rest * seconds[-1])
            if min(taken[Scan()]) > _HOPELESS * max(taken[pooled]):
                break
        gained_s = median(taken[pooled]) - median(taken[Scan()])
        return gained_s > max(_NOTICEABLE_S, _NOTICEABLE_SHARE * median(taken[pooled]))

    async def _recall(
        self, questions: Sequence[_Question], route: Pooled | Scan, deadline: Deadline
    ) -> _Recall:
        """Recall@50 of a route over questions of one shape."""
        right = []
        for question in questions:
            answer = await self._ask(replace(question.query, route=route), deadline)
            least = question.last_score - _ROUNDING
            right.append(sum(hit.score >= least for hit in answer) / question.expected)
        return _Recall(float(np.mean(right)), float(np.std(right)) / len(right) ** 0.5)

    async def _ask(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        """The answer, after a rest in proportion to what it cost.

        A machine that stalls once must not end an audit, so a search that was too slow is made
        again. Raises `DependencyTimeout` where that is too slow as well.
        """
        started = time.monotonic()
        try:
            answer = await self._index.search(query, deadline)
        except DependencyTimeout:
            if not deadline.remaining_s():
                raise
            answer = await self._index.search(query, deadline)
        await asyncio.sleep(self._rest * (time.monotonic() - started))
        return answer


def candidate_depths(smallest: int, products: int) -> list[int]:
    """Depths worth trying, ascending: none beyond all products but the smallest."""
    return [smallest, *(depth for depth in _DEPTHS if smallest < depth <= products)]
