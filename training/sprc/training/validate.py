"""The published ranking of a model under training."""

from collections.abc import Sequence

import torch
from torch import Tensor

from retrieval.preprocess.text import Tokenizer
from sprc.datasets.records import EvaluationSet
from sprc.evaluation.features import Loading, compute_features
from sprc.evaluation.scores import max_sim_chunked
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.ranks import rank_gallery
from sprc.training.features import Features


class _InTraining:
    """An `Embedder` of features; the Q-Former computes in float32, as published."""

    label = "model in training"

    def __init__(
        self, model: Blip2QformerCirAlignPrompt, features: Features, tokenizer: Tokenizer
    ) -> None:
        self.model = model.eval()
        self.features = features
        self.tokenizer = tokenizer

    def embed(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        embeds = self.model.frozen_tokens(self.features.encode(pixels))
        return embeds, self.model.image_tokens(embeds)

    def compose(self, image_embeds: Tensor, texts: Sequence[str]) -> Tensor:
        return self.model.compose(image_embeds, *self._encode(texts))

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        return self.model.embed_text(*self._encode(texts))

    def _encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids, mask = self.tokenizer.encode_batch(texts)
        device = self.model.query_tokens.device
        return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


@torch.inference_mode()
def rank_queries(
    model: Blip2QformerCirAlignPrompt,
    evaluation: EvaluationSet,
    features: Features,
    tokenizer: Tokenizer,
    loading: Loading,
) -> Tensor:
    """Ranking of the whole gallery for every query, int64 [Q, N], on the CPU.

    Leaves the model in eval mode. Raises `PictureError`, and `BackendError` where a vector is not
    finite.
    """
    found = compute_features(
        _InTraining(model, features, tokenizer),
        evaluation.gallery,
        features.pictures(evaluation.gallery, evaluation.pictures),
        evaluation.queries,
        loading,
        label=f"validate {evaluation.name}",
    )
    return rank_gallery(max_sim_chunked(found.composed, found.tokens))
