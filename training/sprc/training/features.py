"""The frozen encoder's output for pictures, computed each time or read from a cache.

Features here are what the ViT returns, before ``ln_vision``, which trains.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, Dataset

from sprc.base import ImageTextModel
from sprc.datasets.loading import PairBatch, PairBatches, PictureDataset
from sprc.datasets.pictures import PictureFiles, Transform
from sprc.datasets.records import TrainingSet
from sprc.training.batches import Batch
from sprc.training.picture_cache import DecodedPictures
from sprc.training.run_recipe import Precision


class Features(Protocol):
    """Where features come from: data sets of rows, and how a batch of rows becomes features."""

    def pictures(self, names: Sequence[str], files: PictureFiles) -> Dataset[Tensor]:
        """Rows of pictures, in the order of the names."""
        ...

    def encode(self, rows: Tensor) -> Tensor:
        """Features [N, P, W] on the device; with a gradient where the encoder trains."""
        ...


class Encoding(Features, Protocol):
    """Features of pictures, computed whenever they are asked for."""

    @property
    def transform(self) -> Transform:
        """How a picture becomes pixels [3, S, S]."""
        ...

    @property
    def mixed(self) -> "Mixed":
        """Arithmetic that they are computed in."""
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

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """The context for a forward pass."""
        with ExitStack() as stack:
            if self.precision != "float32":
                stack.enter_context(torch.autocast(self.device.type, self.dtype))
                if self.device.type == "cpu":
                    # Fused attention takes three times as long as the plain form there in bf16.
                    stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            yield


class PictureFeatures:
    """Reads and encodes every picture each time it is needed."""

    def __init__(
        self,
        model: ImageTextModel,
        transform: Transform,
        mixed: Mixed,
        *,
        trained: bool = False,
        keep: bool = False,
    ) -> None:
        """`trained` says that the encoder itself trains, `keep` to decode each picture once."""
        self.encoder = model.visual_encoder
        self.transform = transform
        self.mixed = mixed
        self.trained = trained
        self.keep = keep
        self._decoded: list[DecodedPictures] = []
        if trained:
            # Convolutions on a CPU are a tenth faster so, and no slower elsewhere.
            self.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def pictures(self, names: Sequence[str], files: PictureFiles) -> Dataset[Tensor]:
        """Pixels [3, S, S] float32."""
        if not self.keep:
            return PictureDataset(names, files, self.transform)
        for decoded in self._decoded:
            if decoded.names == names and decoded.files == files:
                return decoded
        self._decoded.append(DecodedPictures(names, files, self.transform))
        return self._decoded[-1]

    def encode(self, rows: Tensor) -> Tensor:
        """Pixels [N, 3, S, S] to features [N, P, W]."""
        rows = rows.to(self.mixed.device, non_blocking=True)
        gradient = self.trained and torch.is_grad_enabled()
        with torch.set_grad_enabled(gradient), self.mixed.autocast():
            features: Tensor = self.encoder(rows)
        return features


def load_pairs(
    features: Features, training: TrainingSet, plan: Sequence[Batch], workers: int
) -> Iterable[PairBatch]:
    """The planned batches in order; nothing is drawn from PyTorch's own random numbers."""
    rows = features.pictures(training.names, training.pictures)
    return DataLoader(
        cast(Dataset[Any], PairBatches(training, rows, [batch.pairs for batch in plan])),
        batch_size=None,
        num_workers=workers,
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


def stream_dtype(model: ImageTextModel, mixed: Mixed) -> torch.dtype:
    """How the encoder gives its features: CLIP's are reduced under autocast, EVA's are not."""
    if model.config.vit.family != "clip" or mixed.precision == "float32":
        return torch.float32
    return mixed.dtype
