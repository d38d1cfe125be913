"""The published ranking of a model under training."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from retrieval.preprocess.text import Tokenizer
from sprc.datasets.records import EvaluationSet
from sprc.evaluation.scores import max_sim_chunked
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.ranks import rank_gallery
from sprc.training.features import Features, load_pictures
from sprc.training.objective import frozen_tokens


@torch.inference_mode()
def rank_queries(
    model: Blip2QformerCirAlignPrompt,
    evaluation: EvaluationSet,
    features: Features,
    tokenizer: Tokenizer,
    *,
    batch_size: int,
    workers: int,
) -> Tensor:
    """Ranking of the whole gallery for every query, int64 [Q, N], on the CPU.

    One pass over the pictures: a query is composed while its reference's embeds are at hand. The
    Q-Former computes in float32, as the published evaluation does. Leaves the model in eval mode.
    Raises `PictureError`, and `ValueError` where a similarity is not finite.
    """
    model.eval()
    asking: dict[str, list[int]] = defaultdict(list)
    for position, query in enumerate(evaluation.queries):
        asking[query.reference].append(position)
    tokens: list[Tensor] = []
    vectors: dict[int, Tensor] = {}
    rows = load_pictures(
        features.pictures(evaluation.gallery, evaluation.pictures), batch_size, workers
    )
    start = 0
    for batch in rows:
        embeds = frozen_tokens(model, features.encode(batch))
        tokens.append(model.image_tokens(embeds).cpu())
        names = evaluation.gallery[start : start + len(batch)]
        start += len(batch)
        asked = [(row, position) for row, name in enumerate(names) for position in asking[name]]
        for first in range(0, len(asked), batch_size):
            some = asked[first : first + batch_size]
            texts = [evaluation.queries[position].text for _, position in some]
            composed = _compose(model, embeds[[row for row, _ in some]], texts, tokenizer)
            vectors |= {position: v for (_, position), v in zip(some, composed, strict=True)}
    queries = torch.stack([vectors[position] for position in range(len(evaluation.queries))])
    return rank_gallery(max_sim_chunked(queries, torch.cat(tokens)))


def _compose(
    model: Blip2QformerCirAlignPrompt,
    references: Tensor,
    texts: Sequence[str],
    tokenizer: Tokenizer,
) -> Tensor:
    ids, mask = (torch.from_numpy(a).to(references.device) for a in tokenizer.encode_batch(texts))
    return model.compose(references, ids, mask).cpu()
