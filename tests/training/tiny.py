"""A model of a few thousand weights with every part of the demo's architecture."""

from pathlib import Path

import torch
from torch import nn

from retrieval.preprocess.text import SPECIAL_TOKENS, bert_tokenizer
from sprc.config import ModelConfig, QFormerConfig, StemConfig, VitConfig
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.reranker import Blip2QformerCirRerank

WORDS = ("make", "it", "red", "blue", "with", "a", "hood", "[DEC]")


def tiny_config(vocab: int = len(SPECIAL_TOKENS) + len(WORDS)) -> ModelConfig:
    vit = VitConfig(
        image_size=32,
        patch_size=2,
        width=32,
        depth=2,
        heads=2,
        mlp_hidden=48,
        stem=(StemConfig(8), StemConfig(16)),
    )
    qformer = QFormerConfig(
        hidden=32,
        layers=2,
        heads=2,
        intermediate=48,
        vocab=vocab,
        positions=40,
        query_tokens=4,
        vision_width=32,
        cross_layers=(0,),
        dropout=0.0,
    )
    return ModelConfig(vit, qformer, embed_dim=16, text_length=12)


def tiny_model(seed: int = 5) -> Blip2QformerCirAlignPrompt:
    model = Blip2QformerCirAlignPrompt(tiny_config())
    initialise(model, seed)
    return model.eval()


def tiny_second() -> Blip2QformerCirRerank:
    """A second stage that has gone on from `tiny_model`."""
    second = Blip2QformerCirRerank.after(tiny_model())
    other_norm(second.ln_vision)
    return second.eval()


def other_norm(norm: nn.LayerNorm) -> None:
    """Change a norm as training does, only more."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        norm.weight.mul_(1 + 0.3 * torch.rand(norm.weight.shape, generator=generator))
        norm.bias.add_(0.2 * torch.randn(norm.bias.shape, generator=generator))


def tiny_tokenizer(folder: Path) -> Path:
    path = folder / "tokenizer.json"
    bert_tokenizer([*SPECIAL_TOKENS, *WORDS]).save(str(path))
    return path
