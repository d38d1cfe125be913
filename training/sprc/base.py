"""What SPRC's two model classes share: frozen image tokens, a Q-Former and three heads."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.clip_vit import ClipVisionTransformer
from sprc.config import ModelConfig
from sprc.qformer import QFormer
from sprc.vit import VisionTransformer

LN_VISION_EPS = 1e-5
INITIAL_TEMPERATURE = 0.07


class ImageTextModel(nn.Module):
    """An image encoder and a Q-Former over its tokens, as in BLIP-2.

    S image side, P patches + 1, W ViT width, K query tokens, H Q-Former width, D projection,
    T text length.
    """

    visual_encoder: VisionTransformer | ClipVisionTransformer

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        hidden = config.qformer.hidden
        self.query_tokens = nn.Parameter(torch.zeros(1, config.qformer.query_tokens, hidden))
        self.temp = nn.Parameter(torch.tensor(INITIAL_TEMPERATURE))
        if config.vit.family == "clip":
            self.visual_encoder = ClipVisionTransformer(config.vit)
        else:
            self.visual_encoder = VisionTransformer(config.vit)
        self.ln_vision = nn.LayerNorm(config.vit.width, eps=LN_VISION_EPS)
        self.Qformer = QFormer(config.qformer)
        self.vision_proj = nn.Linear(hidden, config.embed_dim)
        self.text_proj = nn.Linear(hidden, config.embed_dim)
        self.itm_head = nn.Linear(hidden, 2)

    def tie(self) -> None:
        """Tie what shares storage again, after parameters were replaced (`to_empty`)."""
        self.Qformer.tie()

    def embed_image(self, pixels: Tensor) -> Tensor:
        """[B, 3, S, S] float32 to the frozen tokens [B, P, W] that every later step reads.

        float32; under autocast a CLIP encoder's are rounded to its half precision, as SPRC's.
        """
        return self.frozen_tokens(self.visual_encoder(pixels))

    def frozen_tokens(self, features: Tensor) -> Tensor:
        """`embed_image` from the encoder's output on: [B, P, W] to the same shape, float32."""
        embeds: Tensor = self.ln_vision(features.float())
        return embeds.to(features.dtype).float()

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

    def match_logits(
        self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """Whether text and image match: [B, 2], no and yes, the mean over the K queries."""
        hidden = self.first_pass(image_embeds, input_ids, attention_mask)
        logits: Tensor = self.itm_head(hidden[:, : self.query_tokens.shape[1]])
        return logits.mean(1)

    def compute_itm(
        self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """The logit of "match" [B]: how well the text describes the image."""
        return self.match_logits(image_embeds, input_ids, attention_mask)[:, 1]


def max_sim(queries: Tensor, tokens: Tensor) -> Tensor:
    """Score of every product for every query: [Q, D] and [N, K, D] to [Q, N].

    The maximum over a product's tokens of the dot product (late interaction), no temperature.
    """
    products, count, dim = tokens.shape
    scores = queries @ tokens.reshape(products * count, dim).T
    return scores.view(len(queries), products, count).amax(-1)
