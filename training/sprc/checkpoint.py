"""Checkpoints: ``{"epoch": int, "Blip2QformerCirAlignPrompt": state_dict}``.

Read with ``weights_only`` and strictly: a missing, surplus or misshapen tensor is an error.
Published checkpoints hold their ViT in float16; everything is computed in float32 here. Names
that a data-parallel wrapper began with ``module.`` are understood, and its class name too. Those
that are trained here also say when, as ``trained_at`` (ISO 8601); published ones do not.
"""

import os
import pickle
import struct
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile, is_zipfile

import torch
from torch import Tensor

from sprc.base import ImageTextModel
from sprc.clip_vit import ClipVisionTransformer
from sprc.config import PUBLISHED_RATIO, ConfigError, infer_config
from sprc.config_file import ConfigFile
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.reranker import Blip2QformerCirRerank
from sprc.strict import differences, fault
from sprc.vit import VisionTransformer

CLASS_NAME = Blip2QformerCirAlignPrompt.__name__
RERANK_CLASS_NAME = Blip2QformerCirRerank.__name__
WRAPPERS = ("DistributedDataParallel", "DataParallel")
WRAPPER_PREFIX = "module."
_ENCODER = "visual_encoder."
# What an unpickler raises on bytes that are no pickle, or none of plain tensors.
UNREADABLE = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
    pickle.UnpicklingError,
    BadZipFile,
)

Model = TypeVar("Model", bound=ImageTextModel)


class CheckpointError(Exception):
    """A file is not a checkpoint of this model."""


def load_model(
    path: Path, *, vit_heads: int | None = None, qformer_heads: int | None = None
) -> Blip2QformerCirAlignPrompt:
    """Build the model that a checkpoint holds: float32, on the CPU, in eval mode.

    Head counts come from the arguments, else from ``config.json`` beside the file, else they
    are the published ones. Raises `CheckpointError`.
    """
    return _load(Blip2QformerCirAlignPrompt, path, vit_heads, qformer_heads)


def load_reranker(
    path: Path,
    *,
    vit_heads: int | None = None,
    qformer_heads: int | None = None,
    encoder: VisionTransformer | ClipVisionTransformer | None = None,
) -> Blip2QformerCirRerank:
    """As `load_model`, for a checkpoint of the second stage.

    With `encoder`, a first stage's, that module stands in the place of the file's own, which has
    to be the same. Raises `CheckpointError`.
    """
    return _load(Blip2QformerCirRerank, path, vit_heads, qformer_heads, encoder)


def load_state(path: Path, *, class_name: str = CLASS_NAME) -> dict[str, Tensor]:
    """The state dict of a checkpoint, dtypes as stored, all values finite in float32.

    The tensors may be mapped from the file. Raises `CheckpointError`.
    """
    content = _read(path)
    state = _find_state(path, content, class_name)
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{path}: {name!r} is not a tensor with a name")
        if told := fault(value):
            raise CheckpointError(f"{path}: {name} {told}")
    if state and all(name.startswith(WRAPPER_PREFIX) for name in state):
        return {name.removeprefix(WRAPPER_PREFIX): value for name, value in state.items()}
    return dict(state)


def read_target_ratio(path: Path) -> float:
    """The ratio that a checkpoint's pictures were padded to in training, by its ``config.json``.

    The published 1.25 where it is not said. Raises `CheckpointError`.
    """
    return _beside(path).target_ratio


def read_trained_at(path: Path) -> datetime | None:
    """When training wrote a checkpoint's weights; None where it does not say.

    Raises `CheckpointError`.
    """
    content = _read(path)
    told = content.get("trained_at") if isinstance(content, Mapping) else None
    if told is None:
        return None
    try:
        at = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise CheckpointError(f"{path}: trained_at is not a time with its zone")
    return at


def save_checkpoint(
    model: ImageTextModel,
    path: Path,
    *,
    epoch: int,
    half: bool = False,
    target_ratio: float = PUBLISHED_RATIO,
    trained_at: datetime | None = None,
) -> None:
    """Write a checkpoint aside, sync it, rename it, and ``config.json`` beside it.

    With `half` matrices are stored in float16, as a float16 export rounds them; what has one
    dimension stays as it is. Tied tensors are stored once.
    `target_ratio` is what pictures were padded to in training, 1 for squarepad; `trained_at` is
    when the weights came to be, left out where that is not known.
    """
    halves: dict[int, Tensor] = {}
    state = {}
    for name, value in model.state_dict().items():
        if half and value.is_floating_point() and value.ndim > 1:
            value = halves.setdefault(value.data_ptr(), value.half())
        state[name] = value
    said = {"trained_at": trained_at.isoformat(timespec="seconds")} if trained_at else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial")
    with aside.open("wb") as stream:
        torch.save({"epoch": epoch, **said, type(model).__name__: state}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    ConfigFile.of(model.config, target_ratio).write(path)
    aside.rename(path)


def _load(
    kind: type[Model],
    path: Path,
    vit_heads: int | None,
    qformer_heads: int | None,
    encoder: VisionTransformer | ClipVisionTransformer | None = None,
) -> Model:
    state = load_state(path, class_name=kind.__name__)
    beside = _beside(path)
    try:
        config = infer_config(
            state,
            vit_heads=beside.vit.num_heads if vit_heads is None else vit_heads,
            qformer_heads=(
                beside.bert.num_attention_heads if qformer_heads is None else qformer_heads
            ),
            text_length=beside.max_txt_len,
            dropout=beside.bert.hidden_dropout_prob,
        )
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error
    # On the meta device first: nothing is filled with random numbers only to be overwritten.
    with torch.device("meta"):
        model = kind(config)
    if faults := differences(model.state_dict(), state):
        raise CheckpointError(f"{path} does not fit {kind.__name__}: {faults}")
    if encoder is not None:
        shared = {f"{_ENCODER}{name}": value for name, value in encoder.state_dict().items()}
        _require_same_encoder(path, state, shared)
        model.visual_encoder = encoder
        state |= shared
    model.to_empty(device="cpu", recurse=False)
    for part in model.children():
        if part is not encoder:
            part.to_empty(device="cpu")
    model.tie()
    model.load_state_dict(state)
    return model.eval()


def _require_same_encoder(
    path: Path, state: Mapping[str, Tensor], shared: Mapping[str, Tensor]
) -> None:
    """Raises `CheckpointError` where two image encoders differ by more than float16 tells: one of
    two checkpoints may hold in that what the other holds in float32."""
    own = {name: value for name, value in state.items() if name.startswith(_ENCODER)}
    if own.keys() != shared.keys() or not all(
        torch.equal(value.half(), shared[name].half()) for name, value in own.items()
    ):
        raise CheckpointError(f"{path} has another image encoder than the first stage")


def _beside(path: Path) -> ConfigFile:
    try:
        return ConfigFile.read(path)
    except ConfigError as error:
        raise CheckpointError(str(error)) from error


def _read(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # Other protocols than 2 are read, or refused in a sentence of ours.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except UNREADABLE as error:
        raise CheckpointError(
            f"{path} is not a PyTorch checkpoint of plain tensors: it is of another kind, cut "
            "short, or carries code"
        ) from error


def _find_state(path: Path, content: Any, class_name: str) -> Mapping[str, Any]:
    """The state dict under its class name, or under that of a wrapper. Raises `CheckpointError`."""
    if isinstance(content, Mapping):
        for name in (class_name, *WRAPPERS):
            if isinstance(content.get(name), Mapping):
                state: Mapping[str, Any] = content[name]
                return state
        for name in (CLASS_NAME, RERANK_CLASS_NAME):
            if name in content:
                raise CheckpointError(f"{path} holds {name}, not {class_name}")
    raise CheckpointError(f"{path} holds no {class_name}")
