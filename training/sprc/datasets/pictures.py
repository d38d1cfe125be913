"""Picture files: where a name lies, and its pixels for the image encoder.

A picture is opened as it is on disk and transformed in its own mode, without EXIF rotation, because
the published features were made that way. What is missing or damaged raises `PictureError`.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from retrieval.preprocess.targetpad import normalised, targetpad_square

EXTENSIONS: Final = (".png", ".jpg", ".jpeg")
# What Pillow is known to raise on a damaged file, besides OSError.
DAMAGED: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class PictureError(Exception):
    """A picture is missing or damaged; the message names its file."""

    def __init__(self, message: str) -> None:
        # A DataLoader repeats a worker's error with the worker's traceback as its message, which
        # ends in ours: keep the sentence.
        super().__init__(message.rsplit(f"{type(self).__name__}: ", 1)[-1].rstrip())


class PictureFiles(Protocol):
    """Where pictures lie."""

    def path(self, name: str) -> Path:
        """The file of a picture. Raises `PictureError` where there is none."""
        ...


@dataclass(frozen=True)
class FolderPictures:
    """Pictures named by their file, .png before .jpg."""

    folder: Path

    def path(self, name: str) -> Path:
        """The file of a picture. Raises `PictureError` where there is none."""
        for extension in EXTENSIONS:
            path = self.folder / f"{name}{extension}"
            if path.is_file():
                return path
        raise PictureError(f"{self.folder / name} exists neither as .png nor as .jpg")


@dataclass(frozen=True)
class MappedPictures:
    """Pictures whose files a split lists, relative to a folder."""

    folder: Path
    relative: Mapping[str, str]

    def path(self, name: str) -> Path:
        """The file of a picture. Raises `PictureError` where there is none."""
        if name not in self.relative:
            raise PictureError(f"no split of {self.folder} lists the picture {name}")
        path = self.folder / self.relative[name]
        if not path.is_file():
            raise PictureError(f"{path} does not exist")
        return path


@dataclass(frozen=True)
class Transform:
    """Pad to a ratio of sides, resize, crop, normalise; an object so that workers can have it."""

    size: int
    ratio: float = 1.25

    @classmethod
    def named(cls, name: str, size: int, ratio: float = 1.25) -> "Transform":
        """The transform of SPRC's ``--transform``: targetpad, or squarepad, which is ratio 1."""
        if name == "targetpad":
            return cls(size, ratio)
        if name == "squarepad":
            return cls(size, 1.0)
        raise ValueError(f"the transform is targetpad or squarepad, not {name}")

    def square(self, image: Image.Image) -> NDArray[np.uint8]:
        """[size, size, 3] uint8 of a picture of any mode."""
        return targetpad_square(image, size=self.size, ratio=self.ratio)

    def __call__(self, image: Image.Image) -> Tensor:
        """[3, size, size] float32 of a picture of any mode."""
        return torch.from_numpy(normalised(self.square(image)))


def read_pixels(path: Path, transform: Transform) -> Tensor:
    """Pixels [3, S, S] float32 of a file, its first frame. Raises `PictureError`."""
    return torch.from_numpy(normalised(read_square(path, transform)))


def read_square(path: Path, transform: Transform) -> NDArray[np.uint8]:
    """Pixels [S, S, 3] uint8 of a file, its first frame. Raises `PictureError`."""
    try:
        with Image.open(path) as image:
            image.load()
            return transform.square(image)
    except FileNotFoundError:
        raise PictureError(f"{path} does not exist") from None
    except DAMAGED as error:
        raise PictureError(
            f"{path} cannot be read as a picture ({type(error).__name__})"
        ) from error
