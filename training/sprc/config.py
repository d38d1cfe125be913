"""Sizes of a model, read from a state dict's shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt, prod
from typing import Literal

from torch import Tensor

PUBLISHED_VIT_HEADS = 16
PUBLISHED_QFORMER_HEADS = 12
PUBLISHED_TEXT_LENGTH = 32
PUBLISHED_DROPOUT = 0.1
PUBLISHED_RATIO = 1.25
VIT = "visual_encoder."
BERT = "Qformer.bert."


class ConfigError(ValueError):
    """The sizes of a model cannot be told from what was given."""


@dataclass(frozen=True)
class StemConfig:
    """One convolution of the optional stem; its stride is (kernel + 1) / 2."""

    channels: int
    kernel: int = 3

    @property
    def stride(self) -> int:
        """Pixels per step: 2 for a kernel of 3, 3 for 5, 4 for 7."""
        return (self.kernel + 1) // 2


@dataclass(frozen=True)
class VitConfig:
    """The image encoder: EVA's or CLIP's, which differ in arithmetic and names.

    An empty `stem` is the published patch embedding; a CLIP encoder has no other.
    """

    image_size: int
    patch_size: int
    width: int
    depth: int
    heads: int
    mlp_hidden: int
    stem: tuple[StemConfig, ...] = ()
    family: Literal["eva", "clip"] = "eva"

    @property
    def grid(self) -> int:
        """Patches along one side."""
        return self.image_size // (self.patch_size * prod(s.stride for s in self.stem))

    @property
    def tokens(self) -> int:
        """Patches plus the class token."""
        return self.grid**2 + 1


@dataclass(frozen=True)
class QFormerConfig:
    """The BERT with query tokens. `cross_layers` names the layers with cross-attention."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocab: int
    positions: int
    query_tokens: int
    vision_width: int
    cross_layers: tuple[int, ...]
    dropout: float = PUBLISHED_DROPOUT


@dataclass(frozen=True)
class ModelConfig:
    """All sizes of one model."""

    vit: VitConfig
    qformer: QFormerConfig
    embed_dim: int
    text_length: int = PUBLISHED_TEXT_LENGTH


def infer_config(
    state: Mapping[str, Tensor],
    *,
    vit_heads: int,
    qformer_heads: int,
    text_length: int,
    dropout: float = PUBLISHED_DROPOUT,
) -> ModelConfig:
    """Read every size from the shapes of a state dict, of either backbone.

    Raises `ConfigError`, which names all that is missing or misshapen of what sizes are read from.
    """
    infer_vit = _infer_clip if f"{VIT}class_embedding" in state else _infer_eva
    shapes = _Shapes(state)
    vit = infer_vit(shapes, vit_heads)
    qformer = _infer_qformer(shapes, qformer_heads, vit.width, dropout)
    embed_dim, _ = shapes.of("text_proj.weight", 2)
    shapes.complain()
    for name, width, heads in (
        ("the ViT", vit.width, vit_heads),
        ("the Q-Former", qformer.hidden, qformer_heads),
    ):
        if heads < 1 or width % heads:
            raise ConfigError(f"{heads} heads do not divide the width {width} of {name}")
    return ModelConfig(vit, qformer, embed_dim, text_length)


class _Shapes:
    """Shapes by name; what is missing or misshapen is 1s for now and told at the end."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state
        self.faults: dict[str, str] = {}

    def of(self, name: str, dimensions: int) -> tuple[int, ...]:
        if name not in self.state:
            self.faults[name] = "missing"
        elif self.state[name].ndim != dimensions or 0 in self.state[name].shape:
            self.faults[name] = f"of shape {list(self.state[name].shape)}"
        else:
            return tuple(self.state[name].shape)
        return (1,) * dimensions

    def depth(self, prefix: str) -> int:
        """How many blocks there are: the greatest number after `prefix`, and one."""
        numbers = {
            int(number)
            for key in self.state
            if key.startswith(prefix)
            and (number := key[len(prefix) :].split(".")[0]).isdecimal()
            and len(number) <= 3
        }
        return max(numbers, default=-1) + 1

    def complain(self) -> None:
        if self.faults:
            told = ", ".join(f"{name} is {fault}" for name, fault in self.faults.items())
            raise ConfigError(f"the sizes cannot be read: {told}")


def _infer_eva(shapes: _Shapes, heads: int) -> VitConfig:
    stem: list[StemConfig] = []
    while (key := f"{VIT}patch_embed.stem.{len(stem)}.conv.weight") in shapes.state:
        channels, _, kernel, _ = shapes.of(key, 4)
        stem.append(StemConfig(channels=channels, kernel=kernel))
    width, _, patch, _ = shapes.of(f"{VIT}patch_embed.proj.weight", 4)
    _, tokens, _ = shapes.of(f"{VIT}pos_embed", 3)
    return VitConfig(
        image_size=isqrt(max(tokens - 1, 0)) * patch * prod(s.stride for s in stem),
        patch_size=patch,
        width=width,
        depth=shapes.depth(f"{VIT}blocks."),
        heads=heads,
        mlp_hidden=shapes.of(f"{VIT}blocks.0.mlp.fc1.weight", 2)[0],
        stem=tuple(stem),
    )


def _infer_clip(shapes: _Shapes, heads: int) -> VitConfig:
    blocks = f"{VIT}transformer.resblocks."
    width, _, patch, _ = shapes.of(f"{VIT}conv1.weight", 4)
    tokens, _ = shapes.of(f"{VIT}positional_embedding", 2)
    return VitConfig(
        image_size=isqrt(max(tokens - 1, 0)) * patch,
        patch_size=patch,
        width=width,
        depth=shapes.depth(blocks),
        heads=heads,
        mlp_hidden=shapes.of(f"{blocks}0.mlp.c_fc.weight", 2)[0],
        family="clip",
    )


def _infer_qformer(shapes: _Shapes, heads: int, vision_width: int, dropout: float) -> QFormerConfig:
    layer = f"{BERT}encoder.layer."
    vocab, hidden = shapes.of(f"{BERT}embeddings.word_embeddings.weight", 2)
    layers = shapes.depth(layer)
    return QFormerConfig(
        hidden=hidden,
        layers=layers,
        heads=heads,
        intermediate=shapes.of(f"{layer}0.intermediate.dense.weight", 2)[0],
        vocab=vocab,
        positions=shapes.of(f"{BERT}embeddings.position_embeddings.weight", 2)[0],
        query_tokens=shapes.of("query_tokens", 3)[1],
        vision_width=vision_width,
        cross_layers=tuple(
            index
            for index in range(layers)
            if any(name.startswith(f"{layer}{index}.crossattention.") for name in shapes.state)
        ),
        dropout=dropout,
    )
