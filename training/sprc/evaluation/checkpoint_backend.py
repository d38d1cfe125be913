"""A checkpoint in PyTorch, on the CPU or a GPU."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from sprc.checkpoint import load_model
from sprc.datasets.pictures import Transform
from sprc.evaluation.backends import PUBLISHED_RATIO, BackendError, ModelOptions
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import VITS

_AUTOCAST: Final = {"float16": torch.float16, "bfloat16": torch.bfloat16}


class CheckpointBackend:
    """The model in eval mode. Only the ViT runs in reduced precision, as published."""

    def __init__(
        self,
        model: Blip2QformerCirAlignPrompt,
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
        """Load a checkpoint. Raises `CheckpointError` or `BackendError`."""
        device = _device(options.device)
        model = load_model(path, vit_heads=options.vit_heads, qformer_heads=options.qformer_heads)
        vit = model.config.vit
        if options.backbone is not None and vit != VITS[options.backbone]:
            raise BackendError(
                f"{path} does not hold the ViT of --backbone {options.backbone}: its width is "
                f"{vit.width} and its depth {vit.depth}"
            )
        tokenizer = read_tokenizer(
            options.tokenizer or _tokenizer_beside(path), model.config.text_length
        )
        try:
            transform = Transform.named(
                options.transform or "targetpad",
                model.config.vit.image_size,
                options.target_ratio or PUBLISHED_RATIO,
            )
        except ValueError as error:
            raise BackendError(str(error)) from None
        return cls(
            model,
            tokenizer,
            transform,
            label=f"checkpoint {path.name}",
            device=device,
            precision=options.precision,
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


def read_tokenizer(path: Path, length: int, max_words: int | None = None) -> Tokenizer:
    """A tokenizer.json, or a vocab.txt of BERT's form. Raises `BackendError`."""
    words = {} if max_words is None else {"max_words": max_words}
    try:
        if path.suffix == ".txt":
            return Tokenizer(bert_tokenizer(path), length, **words)
        return Tokenizer.from_file(path, length, **words)
    except FileNotFoundError:
        raise BackendError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise BackendError(f"{path} is not a tokenizer ({type(error).__name__})") from error


def _tokenizer_beside(checkpoint: Path) -> Path:
    for name in ("tokenizer.json", "vocab.txt"):
        path = checkpoint.with_name(name)
        if path.is_file():
            return path
    raise BackendError(
        f"neither tokenizer.json nor vocab.txt lies beside {checkpoint}: give --tokenizer"
    )


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise BackendError(f"there is no device {name} here") from None
    return device
