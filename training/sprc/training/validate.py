"""The published figures of a model under training."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from retrieval.preprocess.text import Tokenizer
from sprc.datasets.records import EvaluationSet, Query, unique
from sprc.model import Blip2QformerCirAlignPrompt, max_sim
from sprc.ranks import rank_gallery
from sprc.training.features import Features, load_pictures

QUERY_BATCH = 32


@torch.inference_mode()
def rank_queries(
    model: Blip2QformerCirAlignPrompt,
    evaluation: EvaluationSet,
    features: Features,
    tokenizer: Tokenizer,
    *,
    device: torch.device,
    batch_size: int,
    workers: int,
) -> Tensor:
    """Ranking of the whole gallery for every query, int64 [Q, N], on the CPU.

    The Q-Former computes in float32 here, as the published evaluation does. Puts the model into
    eval mode. Raises `PictureError`.
    """
    model.eval()
    references = frozenset(query.reference for query in evaluation.queries)
    kept: dict[str, Tensor] = {}
    tokens: list[Tensor] = []
    rows = load_pictures(
        features.pictures(evaluation.gallery, evaluation.pictures), batch_size, workers
    )
    names = iter(evaluation.gallery)
    for batch in rows:
        embeds = model.ln_vision(features.encode(batch).float())
        tokens.append(model.image_tokens(embeds))
        # A batch never comes shorter than its names; `names` stays in step with it.
        for name, embed in zip([next(names) for _ in range(len(batch))], embeds, strict=True):
            if name in references:
                kept[name] = embed.cpu()
    gallery = torch.cat(tokens)
    scores = [
        _scores(model, part, kept, gallery, tokenizer, device)
        for part in _parts(evaluation.queries, QUERY_BATCH)
    ]
    return rank_gallery(torch.cat(scores))


def gallery_names(evaluations: Iterable[EvaluationSet]) -> tuple[str, ...]:
    """Every picture of the galleries once."""
    return unique(name for evaluation in evaluations for name in evaluation.gallery)


def _scores(
    model: Blip2QformerCirAlignPrompt,
    queries: Sequence[Query],
    kept: dict[str, Tensor],
    gallery: Tensor,
    tokenizer: Tokenizer,
    device: torch.device,
) -> Tensor:
    ids, mask = tokenizer.encode_batch([query.text for query in queries])
    references = torch.stack([kept[query.reference] for query in queries]).to(device)
    vectors = model.compose(
        references, torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
    )
    return max_sim(vectors, gallery).cpu()


def _parts(queries: Sequence[Query], size: int) -> Iterable[Sequence[Query]]:
    return (queries[start : start + size] for start in range(0, len(queries), size))
