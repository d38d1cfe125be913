"""Pictures that are decoded once in a run, and read as bytes ever after.

To decode and shrink a JPEG takes as long as a small encoder's forward pass over it. What is kept
are the transform's 8-bit pixels, from which it makes the very same floats.
"""

import mmap
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from retrieval.preprocess.targetpad import normalised
from sprc.datasets.pictures import PictureFiles, Transform, read_square


class DecodedPictures(Dataset[Tensor]):
    """Pixels [3, S, S] float32 of named pictures, in the order of the names.

    The memory is shared with processes that are forked from this one: what a reading worker
    decodes is there for the next epoch's worker. Two that decode one picture write the same bytes.
    """

    def __init__(self, names: Sequence[str], files: PictureFiles, transform: Transform) -> None:
        self.names = names
        self.files = files
        self.transform = transform
        shape = (len(names), transform.size, transform.size, 3)
        # Anonymous and zero: pages are taken as they are written to.
        self.pixels = np.frombuffer(mmap.mmap(-1, max(int(np.prod(shape)), 1)), np.uint8)
        self.pixels = self.pixels[: int(np.prod(shape))].reshape(shape)
        self.decoded = np.frombuffer(mmap.mmap(-1, max(len(names), 1)), np.uint8)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        """One picture. Raises `PictureError`."""
        if not self.decoded[index]:
            self.pixels[index] = read_square(self.files.path(self.names[index]), self.transform)
            self.decoded[index] = 1
        return torch.from_numpy(normalised(self.pixels[index]))
