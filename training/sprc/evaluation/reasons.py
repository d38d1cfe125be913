"""What went wrong with a query, as far as ranks and scores tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sprc.evaluation.outcome import shown_rank
from sprc.evaluation.scores import Source
from sprc.ranks import NOT_RANKED

FOUND_WITHIN: Final = 10


@dataclass(frozen=True)
class Verdict:
    """One query's result."""

    rank: int
    """Of the target, 0 being best."""
    reason: str
    """The kind of failure, the same words for all of its kind."""
    sentence: str
    """The same with this query's numbers."""


def judge(ranks: Mapping[Source, int], main: Source, reference: int, gallery: int) -> Verdict:
    """Say why a query failed, or that it did not.

    Args:
        ranks: of the target, by source, 0 being best.
        main: the source that is judged.
        reference: rank of the reference itself.
        gallery: pictures in the gallery.
    """
    rank = ranks[main]
    if rank < FOUND_WITHIN:
        return Verdict(rank, "found", f"Found at rank {rank + 1}.")
    place = _place(rank, gallery)
    if reference == 0:
        reason = "the reference itself came first"
        return Verdict(rank, reason, f"{place}; {reason}: the words changed too little.")
    return _compare(rank, place, ranks)


def _compare(rank: int, place: str, ranks: Mapping[Source, int]) -> Verdict:
    image, text = ranks.get(Source.IMAGE_ONLY), ranks.get(Source.TEXT_ONLY)
    if image is None or text is None:
        return Verdict(rank, "other pictures fit better", f"{place}; other pictures fit better.")
    alone = f"(alone: the picture {_ordinal(image)}, the words {_ordinal(text)})"
    if text < FOUND_WITHIN:
        reason = "the words alone would have found it"
    elif image < FOUND_WITHIN:
        reason = "the picture alone would have found it"
    else:
        reason = "neither the picture nor the words alone come near it"
    return Verdict(rank, reason, f"{place}; {reason} {alone}.")


def _place(rank: int, gallery: int) -> str:
    if rank == NOT_RANKED:
        return "The target is beyond the ranking's depth"
    return f"The target came at rank {rank + 1} of {gallery}"


def _ordinal(rank: int) -> str:
    shown = shown_rank(rank)
    return "not ranked" if shown is None else f"rank {shown}"
