"""Similarities of queries and gallery: composed, and the plainer ways it must beat."""

from enum import StrEnum
from typing import Final

import torch
from torch import Tensor

from sprc.base import max_sim
from sprc.datasets.records import EvaluationSet
from sprc.evaluation.features import Features

_AT_ONCE: Final = 64_000_000
"""Dot products in memory at once (256 MB)."""


class Source(StrEnum):
    """What a ranking was made from."""

    COMPOSED = "composed"
    IMAGE_ONLY = "image_only"
    """The reference's picture: the mean over its tokens of each one's best match."""
    TEXT_ONLY = "text_only"
    SUM = "sum"
    """Image-only and text-only score added with equal weights, chosen before looking."""
    SERVED = "served"
    """A running service."""


def similarities(
    evaluation: EvaluationSet, features: Features, *, baselines: bool
) -> dict[Source, Tensor]:
    """[Q, N] float32 for each source, in the set's order of queries and gallery.

    `features` may hold more pictures than the set's gallery, and exactly its queries.
    """
    places = {name: place for place, name in enumerate(features.names)}
    tokens = features.tokens[[places[name] for name in evaluation.gallery]]
    found = {Source.COMPOSED: max_sim_chunked(features.composed, tokens)}
    if baselines and features.text_only is not None:
        positions = evaluation.positions
        references = [positions[query.reference] for query in evaluation.queries]
        found[Source.IMAGE_ONLY] = image_similarity(tokens, references)
        found[Source.TEXT_ONLY] = max_sim_chunked(features.text_only, tokens)
        found[Source.SUM] = found[Source.IMAGE_ONLY] + found[Source.TEXT_ONLY]
    return found


def max_sim_chunked(queries: Tensor, tokens: Tensor) -> Tensor:
    """`max_sim` of [Q, D] and [N, K, D] in bounded memory: [Q, N]."""
    size = max(1, _AT_ONCE // (tokens.shape[0] * tokens.shape[1]))
    return torch.cat([max_sim(chunk, tokens) for chunk in torch.split(queries, size)])


def image_similarity(tokens: Tensor, references: list[int]) -> Tensor:
    """Image-only score [Q, N] of references given as positions in `tokens` [N, K, D]."""
    rows = {place: row for row, place in enumerate(dict.fromkeys(references))}
    unique = torch.stack([max_sim_chunked(tokens[place], tokens).mean(0) for place in rows])
    return unique[[rows[place] for place in references]]
