"""BLIP-2's pretrained weights as the beginning of a model, strictly.

BLIP-2's file holds what it trained: Q-Former, queries, projections and ``ln_vision``. The image
encoder, which it did not train, lies in a file of its own in the same folder. LAVIS 1.0.2 takes 21
of ViT-L's blocks from it; SPRC, and so we, 23.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from zipfile import is_zipfile

import torch
from torch import Tensor

from sprc.checkpoint import UNREADABLE
from sprc.config import VIT, ModelConfig
from sprc.lavis.library import LavisError, fetch, published_address
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import ModelType, published_config
from sprc.strict import differences, fault

ENCODER_FILES: Final = {"eva": "eva_vit_g.pth", "clip": "clip_vit_L.pth"}
WORDS: Final = "Qformer.bert.embeddings.word_embeddings.weight"
POSITIONS: Final = "Qformer.bert.embeddings.position_ids"
HEAD: Final = "Qformer.cls.predictions."
PROMPTS: Final = "prompt_tokens"
STD: Final = 0.02
"""Spread of what is new: BERT's initial range."""

Model = TypeVar("Model", bound=Blip2QformerCirAlignPrompt)


@dataclass(frozen=True)
class Report:
    """What came of a load, for the log."""

    new: tuple[str, ...]
    """What the files do not hold, and was drawn at random."""
    left_out: tuple[str, ...]
    """What the files hold beyond the model: the encoder's last block and norm, for example."""


def pretrained_model(
    backbone: ModelType, *, address: str | None = None, seed: int = 0
) -> tuple[Blip2QformerCirAlignPrompt, Report]:
    """The full-size model with BLIP-2's weights: float32, on the CPU, in eval mode.

    Raises `LavisError`; the other arguments are those of `load_blip2_pretrained`.
    """
    model = empty_model(Blip2QformerCirAlignPrompt, published_config(backbone))
    report = load_blip2_pretrained(model, backbone, address=address, seed=seed)
    return model.eval(), report


def empty_model(kind: type[Model], config: ModelConfig) -> Model:
    """A model whose memory holds nothing yet: no time is lost on numbers to be overwritten."""
    with torch.device("meta"):
        model = kind(config)
    model.to_empty(device="cpu")
    model.tie()
    return model


def load_blip2_pretrained(
    model: Blip2QformerCirAlignPrompt,
    backbone: ModelType,
    *,
    address: str | None = None,
    seed: int = 0,
) -> Report:
    """Fill a model in place with the weights of `backbone`.

    Args:
        model: Any size; its image encoder is of the backbone's family.
        backbone: ``pretrain`` (EVA ViT-g) or ``pretrain_vitL`` (CLIP ViT-L).
        address: Path or URL instead of the published one. The image encoder's file is looked
            for beside it, under its published name, unless the first file holds one.
        seed: Of what the files cannot hold: SPRC's prompt tokens, and the row for ``[DEC]``
            where the words are BERT's 30522.

    Raises `LavisError` where a tensor of the model is missing, misshapen or not finite.
    """
    address = address or published_address(backbone)
    state = _read(address)
    if not any(name.startswith(VIT) for name in state):
        folder = address.rpartition("/")[0]
        file = ENCODER_FILES[model.config.vit.family]
        encoder = _read(f"{folder}/{file}" if folder else file)
        state.update({VIT + name: value for name, value in encoder.items()})
    expected = model.state_dict()
    left_out = tuple(name for name in state if name not in expected)
    state = {name: value for name, value in state.items() if name in expected}
    for name, value in state.items():
        if told := fault(value):
            raise LavisError(f"{address}: {name} {told}")
    new = _complete(state, expected, torch.Generator().manual_seed(seed))
    if faults := differences(expected, state):
        raise LavisError(f"{address} does not fit: {faults}")
    model.load_state_dict(state)
    return Report(new=new, left_out=left_out)


def _read(address: str) -> dict[str, Tensor]:
    """A state dict, bare or under ``model`` as LAVIS saves it. Raises `LavisError`."""
    path = fetch(address)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except (*UNREADABLE, OSError) as error:
        raise LavisError(
            f"{path} is not a PyTorch file of plain tensors: it is of another kind, carries code, "
            "or is cut short, and is then best deleted and fetched again"
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping) or not content:
        raise LavisError(f"{path} holds no state dict")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise LavisError(f"{path}: {name!r} is not a tensor with a name")
    return dict(content)


def _complete(
    state: dict[str, Tensor], expected: Mapping[str, Tensor], generator: torch.Generator
) -> tuple[str, ...]:
    """Add what BLIP-2's files need not hold; the names of what is drawn at random."""
    new = []
    if PROMPTS not in state:
        prompts = expected[PROMPTS]
        state[PROMPTS] = torch.empty(prompts.shape).normal_(std=STD, generator=generator)
        new.append(PROMPTS)
    words, rows = state.get(WORDS), expected[WORDS].shape[0]
    if words is not None and words.ndim == 2 and words.shape[0] == rows - 1:
        row = torch.empty(1, words.shape[1]).normal_(std=STD, generator=generator)
        state[WORDS] = torch.cat((words.float(), row))
        new.append(f"{WORDS}[{rows - 1}]")
        for name in (f"{HEAD}bias", f"{HEAD}decoder.bias"):
            if name in state and state[name].shape == (rows - 1,):
                state[name] = torch.cat((state[name].float(), torch.zeros(1)))
    # A buffer that later versions of BERT no longer store, and two names of one tensor each.
    state.setdefault(POSITIONS, torch.arange(expected[POSITIONS].shape[1]).unsqueeze(0))
    if WORDS in state:
        state[f"{HEAD}decoder.weight"] = state[WORDS]
    for name, alias in (("bias", "decoder.bias"), ("decoder.bias", "bias")):
        if HEAD + name in state:
            state.setdefault(HEAD + alias, state[HEAD + name])
    return tuple(new)
