"""Texts from FashionIQ's two captions for one pair, joined as SPRC joins them.

A data set with one caption for each pair (CIRR) uses that caption as it is.
"""

from collections.abc import Iterable, Sequence
from random import Random

_EDGES = ".?, "


def validation_caption(captions: Sequence[str]) -> str:
    """The text of a query outside training: both captions, in their order.

    Args:
        captions: One caption, or two for the same pair. Any may be empty.
    """
    if len(captions) == 1:
        return captions[0]
    first, second = captions
    return _both(first, second)


def training_caption(captions: Sequence[str], rng: Random) -> str:
    """One of four texts, each in a quarter of the cases: both in order, both swapped, either alone.

    Draws exactly one number from `rng` for two captions and none for a single one.
    """
    if len(captions) == 1:
        return captions[0]
    first, second = captions
    draw = rng.random()
    if draw < 0.25:
        return _both(first, second)
    if draw < 0.5:
        return _both(second, first)
    return _trim(first if draw < 0.75 else second).capitalize()


def training_captions(captions: Iterable[Sequence[str]], rng: Random) -> list[str]:
    """`training_caption` of every pair of a batch, in order."""
    return [training_caption(pair, rng) for pair in captions]


def _both(first: str, second: str) -> str:
    return f"{_trim(first).capitalize()} and {_trim(second)}"


def _trim(caption: str) -> str:
    return caption.strip(_EDGES)
