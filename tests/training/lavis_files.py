"""LAVIS on a machine without a GPU, and files as BLIP-2's, of a tiny model."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn

from sprc.config import ModelConfig, QFormerConfig, VitConfig
from sprc.lavis.pretrained import ENCODER_FILES, PROMPTS
from sprc.model import Blip2QformerCirAlignPrompt

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "hood", "with", "a"]
BLIP2_FILE = "blip2_pretrained.pth"


@cache
def prepare_torchvision() -> None:
    """Define what torchvision's compiled part would: PyPI's cannot load beside a CPU torch.

    Nothing here calls the two operators; torchvision only wants to describe them on import.
    """
    if torch.cuda.is_available():
        return
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)


_kept: list[torch.library.Library] = []


def tiny_blip2(family: str = "eva", **qformer: int) -> ModelConfig:
    """Sizes of a model that has BLIP-2's architecture and no other's: no stem."""
    vit = VitConfig(
        image_size=28,
        patch_size=14,
        width=32,
        depth=3,
        heads=2,
        mlp_hidden=128,
        family="clip" if family == "clip" else "eva",
    )
    sizes = {"hidden": 32, "layers": 4, "heads": 4, "intermediate": 48, "positions": 24}
    return ModelConfig(
        vit,
        QFormerConfig(
            **{**sizes, **qformer},
            vocab=len(VOCABULARY) + 1,
            query_tokens=4,
            vision_width=32,
            cross_layers=(0, 2),
        ),
        embed_dim=16,
        text_length=12,
    )


def random_model(config: ModelConfig, seed: int = 3) -> Blip2QformerCirAlignPrompt:
    """Every weight random, so that no mistake hides behind a zero or a one."""
    model = Blip2QformerCirAlignPrompt(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = 0.5 if "tokens" in name else 0.15
            parameter.normal_(std=spread, generator=generator)
            if isinstance(_owner(model, name), nn.LayerNorm) and name.endswith("weight"):
                parameter.add_(1)
    return model


def write_blip2(
    folder: Path,
    model: Blip2QformerCirAlignPrompt,
    change: Callable[[dict[str, Tensor]], object] = lambda state: None,
) -> Path:
    """BLIP-2's two files in a folder, with the encoder's surplus block and norm in half."""
    prefix = "visual_encoder."
    state = {name: value.clone() for name, value in model.state_dict().items()}
    encoder = {
        name.removeprefix(prefix): state.pop(name).half()
        for name in list(state)
        if name.startswith(prefix)
    }
    last = "blocks.3.norm1.weight"
    encoder |= {last: torch.ones(32), "norm.weight": torch.ones(32)}
    del state[PROMPTS]
    change(state)
    path = folder / BLIP2_FILE
    torch.save({"model": state}, path)
    torch.save(encoder, folder / ENCODER_FILES[model.config.vit.family])
    return path


def write_config(path: Path, config: ModelConfig, **entries: str | bool) -> None:
    """A configuration of LAVIS's kind for a model of any size."""
    vit, qformer = config.vit, config.qformer
    vit_names = ("patch_size", "width", "depth", "heads", "mlp_hidden")
    qformer_names = ("hidden", "layers", "heads", "intermediate", "vocab", "positions")
    model = {
        "arch": "tiny",
        "image_size": vit.image_size,
        "num_query_token": qformer.query_tokens,
        "max_txt_len": config.text_length,
        "vit": {name: getattr(vit, name) for name in vit_names},
        "qformer": {name: getattr(qformer, name) for name in qformer_names},
        "embed_dim": config.embed_dim,
        **entries,
    }
    processors = {
        "vis_processor": {"eval": {"name": "blip_image_eval", "image_size": vit.image_size}},
        "text_processor": {"eval": {"name": "blip_caption"}},
    }
    path.write_text(yaml.safe_dump({"model": model, "preprocess": processors}))


def _owner(model: nn.Module, parameter: str) -> nn.Module:
    return model.get_submodule(parameter.rpartition(".")[0])
