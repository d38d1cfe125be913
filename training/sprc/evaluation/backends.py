"""Where vectors come from: a checkpoint in PyTorch, or a bundle's graphs in onnxruntime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from sprc.datasets.pictures import Transform
from sprc.published import ModelType


class BackendError(Exception):
    """A model cannot be used as asked; the message is one sentence."""


class Embedder(Protocol):
    """A model, ready to embed.

    Tensors given back may lie on an accelerator; a caller passes embeds back as they came.
    """

    @property
    def label(self) -> str:
        """What it is, for reports."""
        ...

    def embed(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels [B, 3, S, S] to embeds [B, P, W] and L2-normalised tokens [B, K, D] float32.

        Where features of pictures are kept, they stand for the pixels.
        """
        ...

    def compose(self, image_embeds: Tensor, texts: Sequence[str]) -> Tensor:
        """References' embeds [B, P, W] and raw texts to queries [B, D] float32."""
        ...

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Raw texts alone to queries [B, D] float32."""
        ...


class Backend(Embedder, Protocol):
    """A model that was loaded from its files."""

    @property
    def transform(self) -> Transform:
        """How a picture becomes pixels [3, S, S]."""
        ...


@dataclass(frozen=True)
class ModelOptions:
    """What a user says about a model beside its path."""

    tokenizer: Path | None = None
    backbone: ModelType | None = None
    vit_heads: int | None = None
    qformer_heads: int | None = None
    transform: str | None = None
    target_ratio: float | None = None
    device: str | None = None
    precision: str = "float32"


def open_backend(path: Path, options: ModelOptions) -> Backend:
    """Load a checkpoint file or a bundle folder.

    Raises `BackendError`, `CheckpointError`, `WordsError` or `BundleError`, each with one
    sentence.
    """
    if path.is_dir():
        from sprc.evaluation.bundle_backend import BundleBackend

        return BundleBackend.open(path, options)
    from sprc.evaluation.checkpoint_backend import CheckpointBackend

    return CheckpointBackend.open(path, options)
