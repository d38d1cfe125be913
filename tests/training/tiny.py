"""A model of a few thousand weights with every part of the demo's architecture."""

from pathlib import Path

from retrieval.preprocess.text import SPECIAL_TOKENS, bert_tokenizer
from sprc.config import ModelConfig, QFormerConfig, StemConfig, VitConfig
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt

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


def tiny_tokenizer(folder: Path) -> Path:
    path = folder / "tokenizer.json"
    bert_tokenizer([*SPECIAL_TOKENS, *WORDS]).save(str(path))
    return path
