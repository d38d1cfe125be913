"""Checkpoints: ``{"epoch": int, "Blip2QformerCirAlignPrompt": state_dict}``.

Read with ``weights_only`` and strictly: a missing or surplus tensor is an error. Published
checkpoints hold their ViT in float16; everything is computed in float32 here.
"""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import torch
from torch import Tensor

from sprc.config import ConfigError, infer_config, read_heads
from sprc.model import Blip2QformerCirAlignPrompt

CLASS_NAME = Blip2QformerCirAlignPrompt.__name__


class CheckpointError(Exception):
    """A file is not a checkpoint of this model."""


def load_model(
    path: Path, *, vit_heads: int | None = None, qformer_heads: int | None = None
) -> Blip2QformerCirAlignPrompt:
    """Build the model that a checkpoint holds: float32, on the CPU, in eval mode.

    Head counts come from the arguments, else from ``config.json`` beside the file, else they
    are the published ones. Raises `CheckpointError`.
    """
    state = load_state(path)
    try:
        heads = read_heads(path)
        config = infer_config(
            state,
            vit_heads=vit_heads or heads["vit_heads"],
            qformer_heads=qformer_heads or heads["qformer_heads"],
            text_length=heads["text_length"],
        )
        model = Blip2QformerCirAlignPrompt(config)
        model.load_state_dict(
            {
                name: value.float() if value.is_floating_point() else value
                for name, value in state.items()
            }
        )
    except (ConfigError, RuntimeError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    return model.eval()


def load_state(path: Path) -> dict[str, Tensor]:
    """The state dict of a checkpoint, dtypes as stored, all values finite.

    Raises `CheckpointError`.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError, BadZipFile) as error:
        raise CheckpointError(f"{path} is not a PyTorch checkpoint of plain tensors") from error
    if not isinstance(content, Mapping) or not isinstance(content.get(CLASS_NAME), Mapping):
        raise CheckpointError(f"{path} holds no {CLASS_NAME}")
    state = content[CLASS_NAME]
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise CheckpointError(f"{path}: {name} is not a tensor")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: {name} holds values that are not finite")
    return dict(state)


def save_checkpoint(
    model: Blip2QformerCirAlignPrompt, path: Path, *, epoch: int, half: bool = False
) -> None:
    """Write a checkpoint aside, sync it, rename it, and ``config.json`` beside it.

    With `half` every floating tensor is stored in float16. Tied tensors are stored once.
    """
    halves: dict[int, Tensor] = {}
    state = {}
    for name, value in model.state_dict().items():
        if half and value.is_floating_point():
            value = halves.setdefault(value.data_ptr(), value.half())
        state[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial")
    with aside.open("wb") as stream:
        torch.save({"epoch": epoch, CLASS_NAME: state}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    path.with_name("config.json").write_text(model.config.heads_json())
    aside.rename(path)
