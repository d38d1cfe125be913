"""SPRC's second-stage model: one Q-Former answers whether two pictures and a text fit together.

``Fformer`` and all that ends in ``_f`` are the frozen copy that mines hard negatives in training.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.base import ImageTextModel, max_sim
from sprc.config import ModelConfig
from sprc.qformer import QFormer


class Blip2QformerCirRerank(ImageTextModel):
    """Scores of (reference, target, text); letters of shapes as in `ImageTextModel`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        hidden = config.qformer.hidden
        self.query_tokens_f = nn.Parameter(torch.zeros_like(self.query_tokens))
        self.Fformer = QFormer(config.qformer)
        self.vision_proj_f = nn.Linear(hidden, config.embed_dim)
        self.text_proj_f = nn.Linear(hidden, config.embed_dim)

    def tie(self) -> None:
        """Both Q-Formers' word predictions are tied to their own word embeddings."""
        super().tie()
        self.Fformer.tie()

    def embed_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Text alone, int64 [B, T], to a query [B, D]: no queries and no prompts."""
        hidden = self.Qformer.bert(input_ids=input_ids, attention_mask=attention_mask)
        return functional.normalize(self.text_proj(hidden[:, 0]), dim=-1)

    def text_scores(self, input_ids: Tensor, attention_mask: Tensor, tokens: Tensor) -> Tensor:
        """First-stage scores [B, N] of texts against tokens [N, K, D]; the reference is unused."""
        return max_sim(self.embed_text(input_ids, attention_mask), tokens)

    def rerank(
        self, references: Tensor, targets: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """Probability [B, C] that each of C candidates answers its query.

        References [B, P, W] with texts [B, T], candidates [B, C, P, W]: the frozen tokens of
        both pictures, one behind the other, are what the queries look at.
        """
        batch, count, patches, width = targets.shape
        pairs = torch.cat((references[:, None].expand_as(targets), targets), dim=2)
        logits = self.match_logits(
            pairs.reshape(batch * count, 2 * patches, width),
            input_ids.repeat_interleave(count, 0),
            attention_mask.repeat_interleave(count, 0),
        )
        return logits.softmax(-1)[:, 1].view(batch, count)
