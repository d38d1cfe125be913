"""Hard negatives of the second stage, drawn from a batch by what a frozen first stage thinks of it.

As published: one wrong target for each query and one wrong query for each target, drawn with the
probabilities that the first stage's scores give.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.base import max_sim
from sprc.qformer import QFormer


@dataclass(frozen=True)
class Miner:
    """The frozen first stage; letters of shapes as in `ImageTextModel`."""

    qformer: QFormer
    query_tokens: Tensor
    """[1, K, H]."""
    vision_proj: nn.Linear
    text_proj: nn.Linear

    def image_tokens(self, image_embeds: Tensor) -> Tensor:
        """[B, P, W] to the K tokens of each picture [B, K, D], normalised."""
        queries = self.query_tokens.expand(len(image_embeds), -1, -1)
        hidden = self.qformer.bert(queries=queries, image=image_embeds)
        return functional.normalize(self.vision_proj(hidden), dim=-1)

    def embed_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Words alone, int64 [B, T], to queries [B, D]: what SPRC mines with."""
        hidden = self.qformer.bert(input_ids=input_ids, attention_mask=attention_mask)
        return functional.normalize(self.text_proj(hidden[:, 0]), dim=-1)

    def compose(self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Reference [B, P, W] and words to queries [B, D], by the first stage's two passes."""
        count = self.query_tokens.shape[1]
        words = {"input_ids": input_ids, "attention_mask": attention_mask}
        queries = self.query_tokens.expand(len(image_embeds), -1, -1)
        prompts = self.qformer.bert(queries=queries, image=image_embeds, **words)[:, :count]
        hidden = self.qformer.bert(queries=prompts, **words)
        return functional.normalize(self.text_proj(hidden[:, count]), dim=-1)

    @torch.no_grad()
    def scores(
        self,
        references: Tensor,
        candidates: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        *,
        composed: bool,
    ) -> Tensor:
        """How well N candidates [N, P, W] answer B queries, [B, N], no temperature.

        Args:
            references: [B, P, W], of use only where `composed`.
            candidates: The frozen tokens of pictures.
            input_ids: int64 [B, T].
            attention_mask: int64 [B, T].
            composed: Ask with picture and words; the published code asks with the words alone.
        """
        words = input_ids, attention_mask
        asked = self.compose(references, *words) if composed else self.embed_text(*words)
        return max_sim(asked, self.image_tokens(candidates))


@dataclass(frozen=True)
class Negatives:
    """What was drawn for each of B items, int64 [B]; -1 where nothing is wrong."""

    candidates: Tensor
    """A wrong picture for the item's query, as a position among the candidates."""
    queries: Tensor
    """A query that the item's target does not answer, as a position in the batch."""


def draw_negatives(scores: Tensor, wrong: Tensor, targets: Tensor) -> Negatives:
    """Draw one of each kind for every item, from PyTorch's global generator.

    Args:
        scores: [B, N], divided by the temperature.
        wrong: bool [B, N], which candidates do not answer a query, and may be drawn.
        targets: int64 [B], each item's target among the candidates.
    """
    return Negatives(_draw(scores, wrong), _draw(scores[:, targets].T, wrong[:, targets].T))


def _draw(scores: Tensor, wrong: Tensor) -> Tensor:
    """One column of each row [R, C] by the softmax of the wrong ones' scores; -1 where none is."""
    none = ~wrong.any(1)
    # A row of which nothing is left is drawn like any other, for its numbers to be numbers.
    masked = scores.float().masked_fill(~wrong & ~none[:, None], -torch.inf)
    drawn = torch.multinomial(masked.softmax(1), 1)[:, 0]
    return drawn.masked_fill(none, -1)
