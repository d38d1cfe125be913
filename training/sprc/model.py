"""The composed-retrieval model of SPRC (ICLR 2024), class name as in its checkpoints."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.config import ModelConfig
from sprc.qformer import QFormer
from sprc.vit import VisionTransformer

LN_VISION_EPS = 1e-5
INITIAL_TEMPERATURE = 0.07


@dataclass(frozen=True)
class Losses:
    """The three losses of a batch, scalars; how they are weighed is the recipe's matter."""

    itc: Tensor
    rtc: Tensor
    align: Tensor


class Blip2QformerCirAlignPrompt(nn.Module):
    """Picture and words to vectors of one space.

    S image side, P patches + 1, W ViT width, K query tokens, H Q-Former width, D projection,
    T text length.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        hidden = config.qformer.hidden
        self.query_tokens = nn.Parameter(torch.zeros(1, config.qformer.query_tokens, hidden))
        self.temp = nn.Parameter(torch.tensor(INITIAL_TEMPERATURE))
        self.prompt_tokens = nn.Parameter(torch.zeros(1, config.qformer.query_tokens, hidden))
        self.visual_encoder = VisionTransformer(config.vit)
        self.ln_vision = nn.LayerNorm(config.vit.width, eps=LN_VISION_EPS)
        self.Qformer = QFormer(config.qformer)
        self.vision_proj = nn.Linear(hidden, config.embed_dim)
        self.text_proj = nn.Linear(hidden, config.embed_dim)
        self.itm_head = nn.Linear(hidden, 2)

    def embed_image(self, pixels: Tensor) -> Tensor:
        """[B, 3, S, S] float32 to the frozen tokens [B, P, W] that every later step reads."""
        embeds: Tensor = self.ln_vision(self.visual_encoder(pixels))
        return embeds

    def image_tokens(self, image_embeds: Tensor) -> Tensor:
        """[B, P, W] to the K tokens that represent a product: [B, K, D], L2-normalised."""
        queries = self.query_tokens.expand(image_embeds.shape[0], -1, -1)
        hidden = self.Qformer.bert(queries=queries, image=image_embeds)
        return functional.normalize(self.vision_proj(hidden), dim=-1)

    def first_pass(self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Queries and words look at the reference: all K + T hidden states [B, K + T, H]."""
        queries = self.query_tokens.expand(image_embeds.shape[0], -1, -1)
        hidden: Tensor = self.Qformer.bert(
            input_ids=input_ids, attention_mask=attention_mask, queries=queries, image=image_embeds
        )
        return hidden

    def second_pass(self, prompts: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The first pass's K outputs [B, K, H] and the words, without image: [B, D], normalised.

        The vector is read at index K, the text's [CLS] right behind the queries.
        """
        hidden = self.Qformer.bert(
            input_ids=input_ids, attention_mask=attention_mask, queries=prompts
        )
        return functional.normalize(self.text_proj(hidden[:, prompts.shape[1]]), dim=-1)

    def compose(self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Reference [B, P, W] and modification text int64 [B, T] to one query [B, D]."""
        hidden = self.first_pass(image_embeds, input_ids, attention_mask)
        prompts = hidden[:, : self.query_tokens.shape[1]]
        return self.second_pass(prompts, input_ids, attention_mask)

    def embed_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Text alone, int64 [B, T], to a query [B, D]: the no-image pass with learned prompts."""
        hidden = self.Qformer.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            queries=self.prompt_tokens.expand(input_ids.shape[0], -1, -1),
            prompts_after_cls=True,
        )
        return functional.normalize(self.text_proj(hidden[:, 0]), dim=-1)

    def losses(
        self, reference: Tensor, target: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Losses:
        """SPRC's training losses from frozen tokens [B, P, W] of both pictures and the text.

        One-directional cross-entropy from queries to the batch's targets; the prompts enter
        the alignment detached, so that only the text-only loss moves them.
        """
        targets = self.image_tokens(target)
        hidden = self.first_pass(reference, input_ids, attention_mask)
        queries = hidden[:, : self.query_tokens.shape[1]]
        composed = self.second_pass(queries, input_ids, attention_mask)
        text_only = self.embed_text(input_ids, attention_mask)
        labels = torch.arange(len(targets), device=targets.device)
        prompts = self.prompt_tokens.detach().expand(len(targets), -1, -1)
        return Losses(
            itc=functional.cross_entropy(max_sim(composed, targets) / self.temp, labels),
            rtc=functional.cross_entropy(max_sim(text_only, targets) / self.temp, labels),
            align=functional.mse_loss(queries.mean(1), prompts.mean(1)),
        )


def max_sim(queries: Tensor, tokens: Tensor) -> Tensor:
    """Score of every product for every query: [Q, D] and [N, K, D] to [Q, N].

    The maximum over a product's tokens of the dot product (late interaction), no temperature.
    """
    products, count, dim = tokens.shape
    scores = queries @ tokens.reshape(products * count, dim).T
    return scores.view(len(queries), products, count).amax(-1)
