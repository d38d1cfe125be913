"""A checkpoint in PyTorch, on the CPU or a GPU."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import torch
from torch import Tensor

from retrieval.preprocess.text import Tokenizer
from sprc.base import ImageTextModel
from sprc.checkpoint import load_model, read_target_ratio
from sprc.config import PUBLISHED_RATIO
from sprc.datasets.pictures import Transform
from sprc.evaluation.backends import BackendError, ModelOptions
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import VITS
from sprc.reranker import Blip2QformerCirRerank
from sprc.words import find_words, read_words, require_known

_AUTOCAST: Final = {"float16": torch.float16, "bfloat16": torch.bfloat16}


Model = TypeVar("Model", bound=ImageTextModel)


@dataclass(frozen=True)
class Loaded(Generic[Model]):
    """A checkpoint's model, and what its pictures and texts have to be."""

    model: Model
    """On the CPU."""
    tokenizer: Tokenizer
    transform: Transform
    device: torch.device
    """Where it is to compute."""
    label: str


def load_checkpoint(path: Path, options: ModelOptions, load: Callable[..., Model]) -> Loaded[Model]:
    """Read a checkpoint and what lies beside it.

    Args:
        path: The file.
        options: What the user says about it.
        load: `load_model` or `load_reranker`.

    Raises:
        CheckpointError: The file is not such a checkpoint.
        WordsError: There is no tokenizer, or another model's.
        BackendError: The device or the backbone is not as asked.
    """
    device = _device(options.device)
    model = load(path, vit_heads=options.vit_heads, qformer_heads=options.qformer_heads)
    vit = model.config.vit
    if options.backbone is not None and vit != VITS[options.backbone]:
        raise BackendError(
            f"{path} does not hold the ViT of --backbone {options.backbone}: its width is "
            f"{vit.width} and its depth {vit.depth}"
        )
    tokenizer = options.tokenizer or find_words(path)
    words = read_words(tokenizer)
    require_known(words, model.config.qformer.vocab, tokenizer)
    return Loaded(
        model,
        Tokenizer(words, model.config.text_length),
        _transform(options, vit.image_size, read_target_ratio(path)),
        device,
        f"checkpoint {path.name}",
    )


class CheckpointBackend:
    """The model in eval mode. Only the ViT runs in reduced precision, as published."""

    def __init__(
        self,
        model: Blip2QformerCirAlignPrompt | Blip2QformerCirRerank,
        tokenizer: Tokenizer,
        transform: Transform,
        *,
        label: str,
        device: torch.device,
        precision: str = "float32",
    ) -> None:
        self.label = label
        self.transform = transform
        self._model = model.to(device).eval()
        self._tokenizer = tokenizer
        self._device = device
        self._dtype = _AUTOCAST.get(precision)

    @classmethod
    def open(cls, path: Path, options: ModelOptions) -> "CheckpointBackend":
        """Load a checkpoint. Raises `CheckpointError`, `WordsError` or `BackendError`."""
        return cls.of(load_checkpoint(path, options, load_model), options.precision)

    @classmethod
    def of(
        cls,
        loaded: Loaded[Blip2QformerCirAlignPrompt] | Loaded[Blip2QformerCirRerank],
        precision: str,
    ) -> "CheckpointBackend":
        """A model that was read; a second stage stands for its own first, which reads words."""
        return cls(
            loaded.model,
            loaded.tokenizer,
            loaded.transform,
            label=loaded.label,
            device=loaded.device,
            precision=precision,
        )

    @torch.inference_mode()
    def embed(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See `Backend`."""
        reduced: Any = (
            torch.autocast(self._device.type, dtype=self._dtype) if self._dtype else nullcontext()
        )
        with reduced:
            embeds = self._model.embed_image(pixels.to(self._device))
        embeds = embeds.float()
        return embeds, self._model.image_tokens(embeds)

    @torch.inference_mode()
    def compose(self, image_embeds: Tensor, texts: Sequence[str]) -> Tensor:
        """See `Backend`."""
        return self._model.compose(image_embeds, *self._encode(texts))

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """See `Backend`."""
        return self._model.embed_text(*self._encode(texts))

    def _encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids, mask = self._tokenizer.encode_batch(texts)
        return (
            torch.from_numpy(ids).to(self._device),
            torch.from_numpy(mask).to(self._device),
        )


def _transform(options: ModelOptions, size: int, trained_ratio: float) -> Transform:
    """What was asked for, else what the checkpoint was trained with."""
    ratio = options.target_ratio or trained_ratio
    # Ratio 1 is squarepad: asked for the other transform, there is but the published ratio.
    if options.transform == "targetpad" and options.target_ratio is None and trained_ratio == 1:
        ratio = PUBLISHED_RATIO
    return Transform.named(options.transform or "targetpad", size, ratio)


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise BackendError(f"there is no device {name} here") from None
    return device
