"""The second stage as a graph that reads what the first stage's image encoder gives.

A bundle serves frozen tokens behind the first stage's ``ln_vision``. Both stages have one ViT, but
``ln_vision`` trains in each, here as in SPRC's code: the second stage is to see the tokens behind
its own. Both normalise alike before they scale and shift, so that a scale and a shift for each
channel lead from one to the other.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from torch import Tensor, nn

from retrieval.bundle import RERANKER
from sprc.checkpoint import CheckpointError, load_reranker, read_target_ratio, read_trained_at
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.reranker import Blip2QformerCirRerank
from sprc.served import Graph, example_text
from sprc.words import WordsError, read_words, require_known


@dataclass(frozen=True)
class SecondStage:
    """A second stage that judges what a first stage's image encoder gives."""

    model: Blip2QformerCirRerank
    """Float32, on the CPU, in eval mode; its image encoder is the first stage's own module."""
    trained_at: datetime | None


class Reranker(nn.Module):
    """Embeds of a reference [B, P, W] and of candidates [B, C, P, W], texts int64 [B, T], to
    `match_probability` [B, C]."""

    scale: Tensor | None
    shift: Tensor | None

    def __init__(self, first: Blip2QformerCirAlignPrompt, second: Blip2QformerCirRerank) -> None:
        super().__init__()
        self.model = second
        scale, shift = channel_change(first.ln_vision, second.ln_vision) or (None, None)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(
        self,
        reference_embeds: Tensor,
        candidate_embeds: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
    ) -> Tensor:
        """In float32 whatever the embeds came in."""
        return self.model.rerank(
            self._own(reference_embeds), self._own(candidate_embeds), input_ids, attention_mask
        )

    def _own(self, embeds: Tensor) -> Tensor:
        embeds = embeds.float()
        if self.scale is None or self.shift is None:
            return embeds
        return embeds * self.scale + self.shift


def channel_change(first: nn.LayerNorm, second: nn.LayerNorm) -> tuple[Tensor, Tensor] | None:
    """Scale and shift, float32 [W] each, from one norm's outputs to another's of the same input.

    None where the norms are equal. Raises `CheckpointError` where the first norm wipes a channel
    out that the second reads.
    """
    if torch.equal(first.weight, second.weight) and torch.equal(first.bias, second.bias):
        return None
    gone = (first.weight == 0) & (second.weight == 0)
    given, wanted = first.weight.detach().double(), second.weight.detach().double()
    scale = torch.where(gone, 0.0, wanted / given)
    shift = second.bias.detach().double() - scale * first.bias.detach().double()
    scale, shift = scale.float(), shift.float()
    wrong = ~(torch.isfinite(scale) & torch.isfinite(shift))
    if wrong.any():
        raise CheckpointError(
            f"the first stage's ln_vision leaves nothing of channel {int(wrong.nonzero()[0])}, "
            "which the second stage reads"
        )
    return scale, shift


def load_second_stage(
    path: Path,
    first: Blip2QformerCirAlignPrompt,
    *,
    words: Path,
    first_words: Path,
    target_ratio: float,
    vit_heads: int | None = None,
    qformer_heads: int | None = None,
) -> SecondStage:
    """A second stage's checkpoint that fits a first stage.

    Args:
        path: The file.
        first: The first stage, which gives its image encoder to both.
        words: The second stage's tokenizer.
        first_words: The first stage's.
        target_ratio: What the first stage's pictures were padded to in training.
        vit_heads: As for `load_model`.
        qformer_heads: As for `load_model`.

    Raises:
        CheckpointError: The file is no such checkpoint, or its image encoder, texts or pictures
            are other ones than the first stage's.
        WordsError: A tokenizer cannot be read, or both know other words.
    """
    model = load_reranker(
        path, vit_heads=vit_heads, qformer_heads=qformer_heads, encoder=first.visual_encoder
    )
    ours, theirs = model.config, first.config
    if ours.vit != theirs.vit:
        raise CheckpointError(f"{path} has another image encoder than the first stage")
    if ours.text_length != theirs.text_length:
        raise CheckpointError(
            f"{path} reads {ours.text_length} tokens of a text, and the first stage "
            f"{theirs.text_length}"
        )
    if ours.qformer.heads != theirs.qformer.heads:
        raise CheckpointError(
            f"{path} has {ours.qformer.heads} heads in its Q-Former, and the first stage "
            f"{theirs.qformer.heads}"
        )
    if (ratio := read_target_ratio(path)) != target_ratio:
        raise CheckpointError(
            f"{path} learned from pictures padded to {ratio:g}, and the first stage to "
            f"{target_ratio:g}"
        )
    known = read_words(words)
    require_known(known, ours.qformer.vocab, words)
    if known.get_vocab() != read_words(first_words).get_vocab():
        raise WordsError(f"{words} has other words, or other numbers for them, than {first_words}")
    channel_change(first.ln_vision, model.ln_vision)
    return SecondStage(model, read_trained_at(path))


def served_reranker(
    first: Blip2QformerCirAlignPrompt,
    second: Blip2QformerCirRerank,
    embeds_dtype: torch.dtype,
    *,
    batch: int = 2,
    candidates: int = 3,
) -> Graph:
    """The graph in eval mode, with fixed example inputs.

    It is to answer what the second stage does with an image encoder of its own, from features that
    neither ``ln_vision`` has seen: the way over the first stage's embeds counts as its error.
    """
    vit = second.config.vit
    generator = torch.Generator().manual_seed(20240118)
    features = torch.randn(batch, 1 + candidates, vit.tokens, vit.width, generator=generator)
    text = example_text(second.config.qformer.vocab, batch, second.config.text_length, generator)
    with torch.no_grad():
        embeds = first.frozen_tokens(features).to(embeds_dtype)

    def truth() -> Tensor:
        own = second.frozen_tokens(features)
        return second.rerank(own[:, 0], own[:, 1:], *text.values())

    return Graph(
        RERANKER,
        Reranker(first, second).eval(),
        {
            "reference_embeds": embeds[:, 0].clone(),
            "candidate_embeds": embeds[:, 1:].clone(),
            **text,
        },
        ("match_probability",),
        listing=frozenset({"candidate_embeds"}),
        truth=truth,
    )
