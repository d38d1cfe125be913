"""Torch data sets over picture files, for a DataLoader with any number of workers.

A picture that cannot be read raises `PictureError` in the process that runs the loop: no batch is
ever shorter than its indices.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sprc.datasets.pictures import PictureFiles, Transform, read_pixels
from sprc.datasets.records import TrainingSet, pair


class PictureDataset(Dataset[Tensor]):
    """Pixels [3, S, S] float32 of named pictures, in the order of the names."""

    def __init__(self, names: Sequence[str], pictures: PictureFiles, transform: Transform) -> None:
        self.names = names
        self.pictures = pictures
        self.transform = transform

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        """One picture. Raises `PictureError`."""
        return read_pixels(self.pictures.path(self.names[index]), self.transform)


class Triplet(NamedTuple):
    """One pair of pictures, [3, S, S] float32 each, and its captions."""

    reference: Tensor
    target: Tensor
    captions: tuple[str, ...]


class TripletBatch(NamedTuple):
    """Pairs of pictures, [B, 3, S, S] float32 each.

    Captions are joined outside, by one generator in the main process, so that a seed gives the
    same texts with any number of workers.
    """

    references: Tensor
    targets: Tensor
    captions: list[tuple[str, ...]]


class TripletDataset(Dataset[Triplet]):
    """The pairs of a training set with their pictures."""

    def __init__(self, training: TrainingSet, transform: Transform) -> None:
        self.training = training
        self.transform = transform

    def __len__(self) -> int:
        return len(self.training.queries)

    def __getitem__(self, index: int) -> Triplet:
        """One pair. Raises `PictureError`."""
        query = self.training.queries[index]
        reference, target = (
            read_pixels(self.training.pictures.path(name), self.transform) for name in pair(query)
        )
        return Triplet(reference, target, query.captions)


def collate_triplets(triplets: Sequence[Triplet]) -> TripletBatch:
    """`collate_fn` of a DataLoader over a `TripletDataset`; drops nothing."""
    return TripletBatch(
        torch.stack([triplet.reference for triplet in triplets]),
        torch.stack([triplet.target for triplet in triplets]),
        [triplet.captions for triplet in triplets],
    )
