"""The second stage: the first hits judged once more, each with the reference and the words.

    candidate_embeds.py    their pictures' embeds, cached or computed
    retrieval/ports.py     Reranker: how probably each of them is what was asked for

Candidates are judged in calls of at most 16, at the same time as far as there is room in memory for
their embeds. It is all or nothing: where one of them cannot be judged, or the time ends, the first
stage's ranking is given back as it came, and says why. So a search never fails here; what was
computed until then is in the cache, and the next one has it.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np

from gateway.candidate_embeds import CandidateEmbeds, embeds_bytes
from gateway.query_vectors import QueryVectors
from gateway.reference_pictures import ReferencePicture
from gateway.space import EmbeddingSpace
from gateway.together import together
from retrieval.domain import (
    Deadline,
    F32Array,
    Ranked,
    Ranking,
    RerankOutcome,
    SearchRequest,
    Trace,
    ignore_trace,
)
from retrieval.errors import (
    DeadlineExceeded,
    DependencyTimeout,
    InvalidArgument,
    Reason,
    RecomposeError,
)
from retrieval.permits import ByteRoom
from retrieval.ports import Reranker

T = TypeVar("T")

MOST_JUDGED_AT_ONCE: Final = 16
"""Candidates of one call to the model."""
MAX_CANDIDATE_BYTES: Final = 128 << 20
"""In memory at once, of all second stages together: embeds, and their copies on the way to Triton.
Room for 92 candidates at full size."""
_COPIES: Final = 2
MOST_CALLS_AT_ONCE: Final = 16
"""Of all second stages together, however small their embeds are: more would only wait before the
model, whose own line is short and turns away, where here they wait for their turn."""
_GRACE_S: Final = 0.02
"""Whoever was given the deadline tells first that it has passed: a breaker learns of it so."""


def ignore_rerank(outcome: RerankOutcome, seconds: float) -> None:
    """The observer of callers that keep no metrics."""


def check_rerank(request: SearchRequest, space: EmbeddingSpace) -> None:
    """Raises InvalidArgument where a second stage was asked for that this space cannot make."""
    if request.rerank is None:
        return
    if space.reranker is None:
        raise InvalidArgument(Reason.RERANK_NOT_SERVED, field="rerank")
    if not space.tokenizer.process(request.modification):  # nothing but punctuation
        raise InvalidArgument(Reason.RERANK_QUERY_INCOMPLETE, field="rerank")


@dataclass(frozen=True, slots=True)
class Question:
    """What candidates are judged by."""

    space: EmbeddingSpace
    reranker: Reranker
    """The space's own."""
    reference: ReferencePicture
    modification: str


class SecondStage:
    """Reorders the first places of rankings.

    Args:
        vectors: Has the references' embeds.
        candidates: Has those of the products.
        budget_s: Time for one ranking, in seconds.
        page_reserve_s: Left of the request's own time, for reading the page afterwards.
        limit_bytes: What candidates may take in memory at once; who finds no room waits.
        observe: Told how each one ended, and after how many seconds.
        trace: Told of the steps.
    """

    def __init__(
        self,
        vectors: QueryVectors,
        candidates: CandidateEmbeds,
        *,
        budget_s: float,
        page_reserve_s: float,
        limit_bytes: int = MAX_CANDIDATE_BYTES,
        observe: Callable[[RerankOutcome, float], None] = ignore_rerank,
        trace: Trace = ignore_trace,
    ) -> None:
        self._vectors = vectors
        self._candidates = candidates
        self._budget_s = budget_s
        self._page_reserve_s = page_reserve_s
        self._room = ByteRoom(limit_bytes)
        self._least_bytes = math.ceil(limit_bytes / MOST_CALLS_AT_ONCE)
        self._observe = observe
        self._trace = trace

    async def rerank(
        self, question: Question, ranked: Sequence[Ranked], depth: int, deadline: Deadline
    ) -> Ranking:
        """The ranking with its first ``depth`` places by falling probability, or as it came.

        Raises nothing for its own sake.
        """
        began_s = time.monotonic()
        end = Deadline(min(began_s + self._budget_s, deadline.at_s - self._page_reserve_s))
        with self._trace("rerank", {"recompose.rerank.depth": depth}) as span:
            places, outcome = tuple(ranked), RerankOutcome.DONE
            try:
                async with asyncio.timeout(end.remaining_s() + _GRACE_S):
                    head = await self._judged(question, places[:depth], end)
                    places = (*head, *places[depth:])
            except (TimeoutError, DependencyTimeout, DeadlineExceeded):
                outcome = RerankOutcome.OUT_OF_TIME
            except RecomposeError as error:
                outcome = RerankOutcome.UNAVAILABLE
                span.fail(error.reason)
            span.note("recompose.rerank.outcome", outcome.value)
        seconds = time.monotonic() - began_s
        self._observe(outcome, seconds)
        return Ranking(places, outcome, seconds)

    async def _judged(
        self, question: Question, head: Sequence[Ranked], end: Deadline
    ) -> list[Ranked]:
        """Those of the places that are products still, in their new order."""
        if not end.remaining_s():
            raise DeadlineExceeded
        space = question.space
        products = await space.index.get([place.point_id for place in head], end)
        places = [place for place in head if place.point_id in products]
        reference = await self._vectors.embeds(space, question.reference)
        words = space.tokenizer.process(question.modification)
        ids, mask = space.tokenizer.encode_batch([words])

        async def match(part: Sequence[Ranked]) -> F32Array:
            taken_bytes = len(part) * embeds_bytes(space.bundle) * _COPIES
            leave = await self._room.take(max(taken_bytes, self._least_bytes))
            try:
                sha256s = [products[place.point_id].image_sha256 for place in part]
                candidates = await self._candidates.of(space, sha256s)
                return await question.reranker.match(reference, candidates, ids[0], mask[0], end)
            finally:
                leave()

        found = await together(match(part) for part in _parts(places))
        return reordered(places, np.concatenate(found)) if found else []


def reordered(places: Sequence[Ranked], probabilities: F32Array) -> list[Ranked]:
    """Places by falling probability [C], equal ones as before.

    Sorted by one minus the probability in float32, as SPRC's evaluation does: what rounds to the
    same distance is equal.
    """
    order = np.argsort(1 - probabilities.astype(np.float32), kind="stable")
    return [
        replace(places[place], match_probability=float(probabilities[place])) for place in order
    ]


def _parts(places: Sequence[T]) -> Iterator[Sequence[T]]:
    """As few parts as may be judged at once, of about the same size."""
    if places:
        parts = math.ceil(len(places) / MOST_JUDGED_AT_ONCE)
        size = math.ceil(len(places) / parts)
        for start in range(0, len(places), size):
            yield places[start : start + size]
