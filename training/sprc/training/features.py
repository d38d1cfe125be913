"""The frozen encoder's output for pictures, computed each time or read from a cache.

Features here are what the ViT returns, before ``ln_vision``, which trains.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sprc.datasets.loading import (
    PictureDataset,
    Triplet,
    TripletBatch,
    TripletDataset,
    collate_triplets,
)
from sprc.datasets.pictures import PictureFiles, Transform
from sprc.datasets.records import TrainingSet
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.training.batches import Batch
from sprc.training.recipe import Precision


class Features(Protocol):
    """Where features come from: data sets of rows, and how a batch of rows becomes features."""

    def pairs(self, training: TrainingSet) -> Dataset[Triplet]:
        """Rows of training pairs, by position."""
        ...

    def pictures(self, names: Sequence[str], files: PictureFiles) -> Dataset[Tensor]:
        """Rows of pictures, in the order of the names."""
        ...

    def encode(self, rows: Tensor) -> Tensor:
        """Features [B, P, W] on the device, without gradient."""
        ...


@dataclass(frozen=True)
class Mixed:
    """Arithmetic of a device at a precision."""

    device: torch.device
    precision: Precision

    @property
    def dtype(self) -> torch.dtype:
        """What matrices are multiplied in, where the precision is a reduced one."""
        return torch.float16 if self.precision == "fp16" else torch.bfloat16

    def autocast(self) -> torch.autocast:
        """The context for a forward pass."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.precision != "float32")


class PictureFeatures:
    """Reads and encodes every picture each time it is needed."""

    def __init__(
        self, model: Blip2QformerCirAlignPrompt, transform: Transform, mixed: Mixed
    ) -> None:
        self.encoder = model.visual_encoder
        self.transform = transform
        self.mixed = mixed

    def pairs(self, training: TrainingSet) -> Dataset[Triplet]:
        """Pixels [3, S, S] float32 of both pictures."""
        return TripletDataset(training, self.transform)

    def pictures(self, names: Sequence[str], files: PictureFiles) -> Dataset[Tensor]:
        """Pixels [3, S, S] float32."""
        return PictureDataset(names, files, self.transform)

    def encode(self, rows: Tensor) -> Tensor:
        """Pixels [B, 3, S, S] to features [B, P, W]."""
        with torch.no_grad(), self.mixed.autocast():
            features: Tensor = self.encoder(rows.to(self.mixed.device, non_blocking=True))
        return features


def load_pairs(
    dataset: Dataset[Triplet], plan: Sequence[Batch], workers: int
) -> Iterable[TripletBatch]:
    """The planned batches in order; nothing is drawn from PyTorch's own random numbers."""
    return DataLoader(
        cast(Dataset[Any], dataset),
        batch_sampler=[list(batch.pairs) for batch in plan],
        num_workers=workers,
        collate_fn=collate_triplets,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
    )


def load_pictures(dataset: Dataset[Tensor], batch_size: int, workers: int) -> Iterable[Tensor]:
    """All rows in order."""
    return DataLoader(
        dataset,
        batch_size=batch_size,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
    )


def stream_dtype(model: Blip2QformerCirAlignPrompt, mixed: Mixed) -> torch.dtype:
    """How the encoder gives its features: CLIP's are reduced under autocast, EVA's are not."""
    if model.config.vit.family != "clip" or mixed.precision == "float32":
        return torch.float32
    return mixed.dtype
