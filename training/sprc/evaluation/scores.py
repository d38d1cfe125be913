"""Similarities of queries and gallery: composed, and the plainer ways it must beat."""

from enum import StrEnum
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import normalize

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
    MEAN = "mean"
    """The composed query with one vector a picture, the mean of its tokens: what late interaction
    is worth is the difference."""
    SERVED = "served"
    """A running service."""


def similarities(
    evaluation: EvaluationSet, features: Features, *, baselines: bool
) -> dict[Source, Tensor]:
    """[Q, N] float32 for each source, in the set's order of queries and gallery.

    `features` may hold more pictures than the set's gallery, and exactly its queries.
    """
    tokens = gallery_tokens(evaluation, features)
    found = {Source.COMPOSED: max_sim_chunked(features.composed, tokens)}
    if baselines and features.text_only is not None:
        positions = evaluation.positions
        references = [positions[query.reference] for query in evaluation.queries]
        found[Source.IMAGE_ONLY] = image_similarity(tokens, references)
        found[Source.TEXT_ONLY] = max_sim_chunked(features.text_only, tokens)
        found[Source.SUM] = found[Source.IMAGE_ONLY] + found[Source.TEXT_ONLY]
        found[Source.MEAN] = features.composed @ normalize(tokens.mean(1), dim=-1).T
    return found


def gallery_tokens(evaluation: EvaluationSet, features: Features) -> Tensor:
    """[N, K, D] in the order of the set's gallery."""
    places = {name: place for place, name in enumerate(features.names)}
    return features.tokens[[places[name] for name in evaluation.gallery]]


def token_cosine(tokens: Tensor) -> float | None:
    """Mean cosine of two tokens of a picture, of [N, K, D] normalised; None where K is 1.

    To four digits. Near 1 the tokens say the same, and the best match is no better than any.
    """
    count = tokens.shape[1]
    if count == 1:
        return None
    # The squared length of their sum holds each pair twice, and each token with itself.
    pairs = tokens.double().sum(1).square().sum(-1) - count
    return round(float(pairs.mean()) / (count * (count - 1)), 4)


def max_sim_chunked(queries: Tensor, tokens: Tensor) -> Tensor:
    """`max_sim` of [Q, D] and [N, K, D] in bounded memory: [Q, N]."""
    size = max(1, _AT_ONCE // (tokens.shape[0] * tokens.shape[1]))
    return torch.cat([max_sim(chunk, tokens) for chunk in torch.split(queries, size)])


def image_similarity(tokens: Tensor, references: list[int]) -> Tensor:
    """Image-only score [Q, N] of references given as positions in `tokens` [N, K, D]."""
    rows = {place: row for row, place in enumerate(dict.fromkeys(references))}
    unique = torch.stack([max_sim_chunked(tokens[place], tokens).mean(0) for place in rows])
    return unique[[rows[place] for place in references]]
