"""Sizes of a model: read from a state dict's shapes, head counts from ``config.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt, prod
from pathlib import Path
from typing import Any

from torch import Tensor

PUBLISHED_VIT_HEADS = 16
PUBLISHED_QFORMER_HEADS = 12
PUBLISHED_TEXT_LENGTH = 32


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
    """The image encoder. An empty `stem` is the published EVA-style patch embedding."""

    image_size: int
    patch_size: int
    width: int
    depth: int
    heads: int
    mlp_hidden: int
    stem: tuple[StemConfig, ...] = ()

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
    dropout: float = 0.1


@dataclass(frozen=True)
class ModelConfig:
    """All sizes of one model."""

    vit: VitConfig
    qformer: QFormerConfig
    embed_dim: int
    text_length: int = PUBLISHED_TEXT_LENGTH

    def heads_json(self) -> str:
        """The ``config.json`` to lie beside a checkpoint: what shapes do not tell."""
        heads = {
            "vit": {"num_heads": self.vit.heads},
            "bert": {"num_attention_heads": self.qformer.heads},
            "max_txt_len": self.text_length,
        }
        return json.dumps(heads, indent=1) + "\n"


def read_heads(checkpoint: Path) -> dict[str, int]:
    """Head counts and text length from ``config.json`` beside a checkpoint.

    Where the file or an entry is missing the published values (16, 12, 32) stand.
    Raises `ConfigError` when the file is there and unreadable.
    """
    path = checkpoint.with_name("config.json")
    found: dict[str, Any] = {}
    if path.is_file():
        try:
            found = json.loads(path.read_text())
            vit, bert = found.get("vit", {}), found.get("bert", {})
            return {
                "vit_heads": int(vit.get("num_heads", PUBLISHED_VIT_HEADS)),
                "qformer_heads": int(bert.get("num_attention_heads", PUBLISHED_QFORMER_HEADS)),
                "text_length": int(found.get("max_txt_len", PUBLISHED_TEXT_LENGTH)),
            }
        except (ValueError, AttributeError, TypeError) as error:
            raise ConfigError(f"{path} does not hold head counts") from error
    return {
        "vit_heads": PUBLISHED_VIT_HEADS,
        "qformer_heads": PUBLISHED_QFORMER_HEADS,
        "text_length": PUBLISHED_TEXT_LENGTH,
    }


def infer_config(
    state: Mapping[str, Tensor], *, vit_heads: int, qformer_heads: int, text_length: int
) -> ModelConfig:
    """Read every size from the shapes of a state dict. Raises `ConfigError`."""
    try:
        vit = _infer_vit(state, vit_heads)
        qformer = _infer_qformer(state, qformer_heads, vit.width)
        embed_dim = state["text_proj.weight"].shape[0]
    except (KeyError, IndexError) as error:
        raise ConfigError(f"the state dict lacks {error}") from None
    for name, width, heads in (
        ("the ViT", vit.width, vit_heads),
        ("the Q-Former", qformer.hidden, qformer_heads),
    ):
        if heads < 1 or width % heads:
            raise ConfigError(f"{heads} heads do not divide the width {width} of {name}")
    return ModelConfig(vit, qformer, embed_dim, text_length)


def _infer_vit(state: Mapping[str, Tensor], heads: int) -> VitConfig:
    prefix = "visual_encoder."
    stem: list[StemConfig] = []
    while (key := f"{prefix}patch_embed.stem.{len(stem)}.conv.weight") in state:
        stem.append(StemConfig(channels=state[key].shape[0], kernel=state[key].shape[2]))
    projection = state[f"{prefix}patch_embed.proj.weight"]
    grid = isqrt(state[f"{prefix}pos_embed"].shape[1] - 1)
    patch = projection.shape[2]
    return VitConfig(
        image_size=grid * patch * prod(s.stride for s in stem),
        patch_size=patch,
        width=projection.shape[0],
        depth=_count(state, f"{prefix}blocks."),
        heads=heads,
        mlp_hidden=state[f"{prefix}blocks.0.mlp.fc1.weight"].shape[0],
        stem=tuple(stem),
    )


def _infer_qformer(state: Mapping[str, Tensor], heads: int, vision_width: int) -> QFormerConfig:
    prefix = "Qformer.bert."
    vocab, hidden = state[f"{prefix}embeddings.word_embeddings.weight"].shape
    layers = _count(state, f"{prefix}encoder.layer.")
    return QFormerConfig(
        hidden=hidden,
        layers=layers,
        heads=heads,
        intermediate=state[f"{prefix}encoder.layer.0.intermediate.dense.weight"].shape[0],
        vocab=vocab,
        positions=state[f"{prefix}embeddings.position_embeddings.weight"].shape[0],
        query_tokens=state["query_tokens"].shape[1],
        vision_width=vision_width,
        cross_layers=tuple(
            index
            for index in range(layers)
            if f"{prefix}encoder.layer.{index}.crossattention.self.query.weight" in state
        ),
    )


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    return len({key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)})
