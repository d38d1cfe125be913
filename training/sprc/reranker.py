"""SPRC's second-stage model: one Q-Former answers whether two pictures and a text fit together.

``Fformer`` and all that ends in ``_f`` are the frozen copy that mines hard negatives in training.
"""

from collections.abc import Mapping
from typing import Final, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.base import ImageTextModel, max_sim
from sprc.config import ModelConfig
from sprc.mining import Miner, Negatives, draw_negatives
from sprc.qformer import QFormer

MINER: Final = {
    "Qformer": "Fformer",
    **{part: f"{part}_f" for part in ("query_tokens", "vision_proj", "text_proj")},
}
"""Parts of a first stage -> the copy of each that mines."""
_UNUSED: Final = -100
"""`cross_entropy` leaves such a label out."""


class Blip2QformerCirRerank(ImageTextModel):
    """Scores of (reference, target, text); letters of shapes as in `ImageTextModel`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        hidden = config.qformer.hidden
        self.query_tokens_f = nn.Parameter(torch.zeros_like(self.query_tokens))
        self.Fformer = QFormer(config.qformer)
        self.vision_proj_f = nn.Linear(hidden, config.embed_dim)
        self.text_proj_f = nn.Linear(hidden, config.embed_dim)

    @classmethod
    def after(cls, first: ImageTextModel) -> Self:
        """A second stage that begins with a first stage's weights, all but its prompts.

        The image encoder, which rests, is the same module in both; everything else is a copy.
        """
        # On the meta device first: nothing is filled with random numbers only to be overwritten.
        with torch.device("meta"):
            model = cls(first.config)
        model.visual_encoder = first.visual_encoder
        for name, part in model.named_children():
            if name != "visual_encoder":
                part.to_empty(device="cpu")
        for name, parameter in model.named_parameters(recurse=False):
            setattr(model, name, nn.Parameter(torch.empty_like(parameter, device="cpu")))
        model.tie()
        begun = {n: v for n, v in first.state_dict().items() if n in model.state_dict()}
        model.load_state_dict(begun | _as_miner(begun))
        return model

    def train(self, mode: bool = True) -> Self:
        """The copy that mines never drops out: what it thinks of a batch is not to be random."""
        super().train(mode)
        self.Fformer.eval()
        return self

    @property
    def miner(self) -> Miner:
        """The frozen first stage."""
        return Miner(self.Fformer, self.query_tokens_f, self.vision_proj_f, self.text_proj_f)

    def freeze_miner(self) -> None:
        """What mines has no gradient, as published."""
        for name in MINER.values():
            getattr(self, name).requires_grad_(False)

    def tie(self) -> None:
        """Both Q-Formers' word predictions are tied to their own word embeddings."""
        super().tie()
        self.Fformer.tie()

    def embed_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Text alone, int64 [B, T], to a query [B, D]: no queries and no prompts."""
        hidden = self.Qformer.bert(input_ids=input_ids, attention_mask=attention_mask)
        return functional.normalize(self.text_proj(hidden[:, 0]), dim=-1)

    def compose(self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Queries [B, D] of its own first stage, which reads the words alone, as published."""
        return self.embed_text(input_ids, attention_mask)

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
        # Not by repeat_interleave, which PyTorch's exporter to ONNX repeats along another axis.
        words = (
            each[:, None].expand(-1, count, -1).reshape(batch * count, -1)
            for each in (input_ids, attention_mask)
        )
        logits = self.match_logits(pairs.reshape(batch * count, 2 * patches, width), *words)
        return logits.softmax(-1)[:, 1].view(batch, count)

    def match_loss(
        self,
        references: Tensor,
        candidates: Tensor,
        targets: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        negatives: Negatives,
    ) -> Tensor:
        """Cross-entropy of "fits" and "does not" over B right triplets and up to 2B wrong ones.

        Args:
            references: Frozen tokens [B, P, W].
            candidates: Frozen tokens [N, P, W] that targets and wrong targets are among.
            targets: int64 [B], position of each item's target among the candidates.
            input_ids: int64 [B, T].
            attention_mask: int64 [B, T].
            negatives: For each item a wrong target and a wrong query.
        """
        own = torch.arange(len(targets), device=targets.device)
        queries = torch.cat((own, own, negatives.queries))
        shown = torch.cat((targets, negatives.candidates, targets))
        used = (queries >= 0) & (shown >= 0)
        queries, shown = queries.clamp(min=0), shown.clamp(min=0)
        logits = self.match_logits(
            torch.cat((references[queries], candidates[shown]), dim=1),
            input_ids[queries],
            attention_mask[queries],
        )
        labels = torch.zeros_like(queries)
        labels[: len(own)] = 1
        return functional.cross_entropy(logits.float(), labels.masked_fill(~used, _UNUSED))

    def pair_loss(
        self, references: Tensor, targets: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """SPRC's ``loss_itm``: negatives are mined among the batch by the words alone.

        References and targets [B, P, W] with texts int64 [B, T], B being 2 or more.
        """
        words = input_ids, attention_mask
        own = torch.arange(len(targets), device=targets.device)
        scores = self.miner.scores(references, targets, *words, composed=False) / self.temp
        others = own[:, None] != own
        negatives = draw_negatives(scores.detach(), others, own)
        return self.match_loss(references, targets, own, *words, negatives)


def _as_miner(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A first stage's weights under the names of the copy that mines."""
    renamed = {}
    for name, value in state.items():
        head, dot, tail = name.partition(".")
        if head in MINER:
            renamed[f"{MINER[head]}{dot}{tail}"] = value
    return renamed
