"""Features that are there already, as a batch that `Objective` takes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sprc.datasets.loading import PairBatch
from sprc.datasets.pictures import PictureFiles


class GivenFeatures:
    """Rows are features."""

    def pictures(self, names: Sequence[str], files: PictureFiles) -> Dataset[Tensor]:
        raise AssertionError("nothing is read")

    def encode(self, rows: Tensor) -> Tensor:
        return rows


def given_pairs(references: Tensor, targets: Tensor) -> PairBatch:
    """B pairs of 2 B distinct pictures, whose features [B, P, W] are given."""
    count = len(references)
    return PairBatch(
        torch.cat((references, targets)),
        torch.arange(2 * count),
        torch.arange(count),
        torch.arange(count, 2 * count),
        torch.empty(0, 2, dtype=torch.int64),
        torch.zeros(2 * count, dtype=torch.int64),
    )
