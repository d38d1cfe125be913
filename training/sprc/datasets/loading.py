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


class PairBatch(NamedTuple):
    """Pairs of one step, each picture of them once.

    Captions are joined outside, by one generator in the main process, so that a seed gives the
    same texts with any number of workers.
    """

    pictures: Tensor
    """[N, ...]: pixels [N, 3, S, S], or features [N, P, W], of the distinct pictures."""
    names: Tensor
    """int64 [N], their positions in the training set's names."""
    references: Tensor
    """int64 [B], each pair's reference as position in `pictures`."""
    targets: Tensor
    """int64 [B], the same of its target."""
    others: Tensor
    """int64 [M, 2]: a pair, and a picture that answers it as rightly as its target."""
    kinds: Tensor
    """int64 [N], each picture's category, as a number. What a picture of another category shows is
    in nobody's alternatives, rightly or not."""


class PairBatches(Dataset[PairBatch]):
    """Planned batches of a training set; a worker reads a whole one."""

    def __init__(
        self,
        training: TrainingSet,
        pictures: Dataset[Tensor],
        batches: Sequence[Sequence[int]],
    ) -> None:
        """Take what a run reads.

        Args:
            training: The pairs.
            pictures: Rows of `training.names`, in that order.
            batches: Positions of each batch's pairs.
        """
        self.training = training
        self.pictures = pictures
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> PairBatch:
        """One batch. Raises `PictureError`."""
        queries = [self.training.queries[place] for place in self.batches[index]]
        known = self.training.rows
        ends = torch.tensor([[known[name] for name in pair(query)] for query in queries])
        names, places = torch.unique(ends, return_inverse=True)
        rows = torch.stack([self.pictures[name] for name in names.tolist()])
        held = {name: place for place, name in enumerate(names.tolist())}
        others = [
            (place, held[known[name]])
            for place, query in enumerate(queries)
            for name in query.alternatives
            # Most alternatives are in other batches, and some train in no pair.
            if known.get(name) in held
        ]
        found = torch.tensor(others, dtype=torch.int64).reshape(-1, 2)
        kinds = torch.tensor([self.training.kinds[name] for name in names.tolist()])
        return PairBatch(rows, names, places[:, 0], places[:, 1], found, kinds)
