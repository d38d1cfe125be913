"""One small module per served graph, with the inputs and outputs that Triton sees."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sprc.model import Blip2QformerCirAlignPrompt


class ImageEncoder(nn.Module):
    """`pixel_values` [B, 3, S, S] to `image_embeds` [B, P, W] and `image_tokens` [B, K, D]."""

    def __init__(self, model: Blip2QformerCirAlignPrompt, embeds_dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.embeds_dtype = embeds_dtype

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """Embeds are cast for the cache only after the tokens were computed from them."""
        embeds = self.model.embed_image(pixel_values)
        return embeds.to(self.embeds_dtype), self.model.image_tokens(embeds)


class FusionEncoder(nn.Module):
    """`image_embeds`, `input_ids`, `attention_mask` to `query_embedding` [B, D]."""

    def __init__(self, model: Blip2QformerCirAlignPrompt) -> None:
        super().__init__()
        self.model = model

    def forward(self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The two passes, in float32 whatever the embeds came in."""
        return self.model.compose(image_embeds.float(), input_ids, attention_mask)


class TextEncoder(nn.Module):
    """`input_ids`, `attention_mask` int64 [B, T] to `query_embedding` [B, D]."""

    def __init__(self, model: Blip2QformerCirAlignPrompt) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The no-image pass with the learned prompts."""
        return self.model.embed_text(input_ids, attention_mask)


@dataclass(frozen=True)
class Graph:
    """What one exported graph is made of."""

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    listing: frozenset[str] = frozenset()
    """Inputs whose second dimension is open too, and the same in all of them."""
    truth: Callable[[], Tensor] | None = None
    """What PyTorch answers by another way than the module's; none where there is no other."""

    def expected(self) -> tuple[Tensor, ...]:
        """What the graph is to answer to its inputs."""
        answer = self.truth() if self.truth else self.module(*self.inputs.values())
        return answer if isinstance(answer, tuple) else (answer,)


def served_graphs(
    model: Blip2QformerCirAlignPrompt, embeds_dtype: torch.dtype, *, batch: int = 2
) -> list[Graph]:
    """The three graphs of a model, in eval mode, each with fixed example inputs [batch, ...]."""
    config = model.config
    generator = torch.Generator().manual_seed(20240117)
    side, length = config.vit.image_size, config.text_length
    pixels = torch.randn(batch, 3, side, side, generator=generator)
    embeds = torch.randn(batch, config.vit.tokens, config.vit.width, generator=generator)
    text = example_text(config.qformer.vocab, batch, length, generator)
    image, fusion, words_only = (
        module.eval()
        for module in (ImageEncoder(model, embeds_dtype), FusionEncoder(model), TextEncoder(model))
    )
    return [
        Graph("image_encoder", image, {"pixel_values": pixels}, ("image_embeds", "image_tokens")),
        Graph(
            "fusion_encoder",
            fusion,
            {"image_embeds": embeds.to(embeds_dtype), **text},
            ("query_embedding",),
        ),
        Graph("text_encoder", words_only, text, ("query_embedding",)),
    ]


def example_text(
    vocab: int, batch: int, length: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Random words and masks, int64 [batch, length] each, of texts of different lengths."""
    words = torch.randint(0, vocab, (batch, length), generator=generator)
    lengths = torch.randint(2, length + 1, (batch, 1), generator=generator)
    mask = (torch.arange(length)[None] < lengths).long()
    return {"input_ids": words * mask, "attention_mask": mask}
