"""Features of every picture, computed once and kept as one memory-mapped float16 array.

    features.npy     [N, P, W] float16, a row for each picture; with views of it [N, V, P, W]
    features.json    what they were made of: weights, transform, precision, pictures

The ViT is frozen and the transform has no randomness, so nothing but the rounding to float16
differs from computing them in each step, unless augmented views are asked for. A cache made of
anything else is refused, not replaced.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from sprc.datasets.pictures import PictureFiles
from sprc.training.errors import TrainingError
from sprc.training.features import Encoding, load_pictures
from sprc.training.files import write_text, writing
from sprc.training.views import Views, one_view

FORMAT: Final = 1
ARRAY: Final = "features.npy"
MANIFEST: Final = "features.json"
PLAIN: Final = Views()
_MEANING: Final = {
    "weights": "other image encoder weights",
    "transform": "another transform",
    "precision": "another precision",
    "pictures": "other pictures",
    "views": "other views of pictures",
    "format": "another version of this program",
}


class KeptFeatures:
    """Reads features from a cache."""

    def __init__(
        self,
        path: Path,
        names: Sequence[str],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.path = path
        self.array: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
        self.rows = {name: row for row, name in enumerate(names)}
        self.device = device
        self.dtype = dtype

    def __getstate__(self) -> dict[str, Any]:
        """For a reading worker that is not forked: the array goes by its file's name."""
        return {**vars(self), "array": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the array's file again."""
        vars(self).update(state)
        self.array = np.load(self.path, mmap_mode="r", allow_pickle=False)

    def pictures(self, names: Sequence[str], files: PictureFiles) -> Dataset[Tensor]:
        """Features [P, W] float16, or of views [V, P, W]; no picture file is read."""
        return _KeptPictures(names, self)

    def encode(self, rows: Tensor) -> Tensor:
        """Kept features [B, P, W] float16 to what the encoder would give, on the device.

        Of views [B, V, P, W] one is taken for each picture.
        """
        return one_view(rows).to(self.device, non_blocking=True).to(self.dtype)

    def row(self, name: str) -> Tensor:
        """Features [P, W] float16 of one picture, or of its views [V, P, W]."""
        return torch.from_numpy(np.array(self.array[self.rows[name]]))


class _KeptPictures(Dataset[Tensor]):
    def __init__(self, names: Sequence[str], kept: KeptFeatures) -> None:
        self.names = names
        self.kept = kept

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        return self.kept.row(self.names[index])


def cache_key(
    features: Encoding,
    encoder: str,
    pictures: Iterable[tuple[str, PictureFiles]],
    views: Views = PLAIN,
) -> dict[str, Any]:
    """What features are made of. Raises `PictureError` where a picture is missing.

    A picture counts by its name, size and time of change.

    Args:
        features: What would compute them.
        encoder: Digest of the encoder's weights.
        pictures: Names, and where each one lies.
        views: Which views are kept.
    """
    pictures = list(pictures)
    digest = hashlib.sha256()
    for name, files in pictures:
        stat = files.path(name).stat()
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    transform = features.transform
    return {
        "format": FORMAT,
        "weights": encoder,
        "transform": {"size": transform.size, "ratio": transform.ratio},
        "precision": f"{features.mixed.precision} on {features.mixed.device.type}",
        "pictures": digest.hexdigest(),
        **views.key([name for name, _ in pictures]),
    }


def make_cache(
    folder: Path,
    features: Encoding,
    key: Mapping[str, Any],
    pictures: Sequence[tuple[str, PictureFiles]],
    *,
    batch_size: int,
    workers: int,
    views: Views = PLAIN,
) -> None:
    """Compute the features, unless `folder` has just these already.

    Raises:
        TrainingError: The folder holds other features, the disk is too small, or a value does
            not fit into float16.
        PictureError: A picture cannot be read.
    """
    if (folder / MANIFEST).is_file():
        refuse_stale(folder, key)
        return
    folder.mkdir(parents=True, exist_ok=True)
    rows = _rows(features, pictures, batch_size, workers)
    torch.manual_seed(views.seed)
    with (
        writing(folder / ARRAY) as aside,
        tqdm(total=len(pictures), desc="features", unit="picture") as bar,
    ):
        array: np.memmap[Any, np.dtype[np.float16]] | None = None
        done = 0
        for batch in rows:
            names = [name for name, _ in pictures[done : done + len(batch)]]
            halves = views.encode(features, batch, names).half().numpy()
            if not np.isfinite(halves).all():
                raise TrainingError("a feature does not fit into float16: train without the cache")
            if array is None:
                shape = (len(pictures), *halves.shape[1:])
                array = _new_array(aside, shape)
            array[done : done + len(halves)] = halves
            done += len(halves)
            bar.update(len(halves))
        if array is not None:
            array.flush()
    write_text(folder / MANIFEST, json.dumps(dict(key), indent=1) + "\n")


def open_cache(
    folder: Path,
    key: Mapping[str, Any],
    names: Sequence[str],
    device: torch.device,
    dtype: torch.dtype,
    views: Views = PLAIN,
) -> KeptFeatures:
    """A cache made of just this. Raises `TrainingError`."""
    refuse_stale(folder, key)
    path = folder / ARRAY
    try:
        kept = KeptFeatures(path, names, device, dtype)
    except (OSError, ValueError, EOFError) as error:
        raise TrainingError(f"{path} cannot be read: {_advice(folder)}") from error
    if (
        kept.array.dtype != np.float16
        or kept.array.ndim != 3 + (views.count > 1)
        or len(kept.array) != len(names)
    ):
        raise TrainingError(f"{path} does not hold these pictures: {_advice(folder)}")
    return kept


def refuse_stale(folder: Path, key: Mapping[str, Any]) -> None:
    """Raises `TrainingError` where a cache is made of anything but `key`."""
    try:
        kept = json.loads((folder / MANIFEST).read_text())
        differing = [name for name in {**kept, **key} if kept.get(name) != key.get(name)]
    except (OSError, ValueError, AttributeError) as error:
        raise TrainingError(f"{folder / MANIFEST} cannot be read: {_advice(folder)}") from error
    if differing:
        made = ", ".join(_MEANING[name] for name in differing)
        raise TrainingError(f"the features in {folder} were made of {made}: {_advice(folder)}")


def _rows(
    features: Encoding,
    pictures: Sequence[tuple[str, PictureFiles]],
    batch_size: int,
    workers: int,
) -> Iterable[Tensor]:
    """Pixels of all pictures in order; pictures of one folder are read in one go."""
    start = 0
    while start < len(pictures):
        files = pictures[start][1]
        stop = next(
            (i for i in range(start, len(pictures)) if pictures[i][1] is not files), len(pictures)
        )
        names = [name for name, _ in pictures[start:stop]]
        yield from load_pictures(features.pictures(names, files), batch_size, workers)
        start = stop


def _new_array(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.float16]]:
    """An array of zeros in a file whose blocks are reserved. Raises `TrainingError`.

    A mapped file that runs out of disk while it is written to would kill the process.
    """
    needed = 2 * int(np.prod(shape))
    try:
        array: np.memmap[Any, np.dtype[np.float16]] = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            path, "w+", np.float16, shape
        )
        with path.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    except OSError as error:
        raise TrainingError(
            f"the features of {shape[0]} pictures take {needed / 1e6:.0f} MB, and {path.parent} "
            f"has no room for them ({error.strerror}): name another folder with "
            "--cache-features DIR"
        ) from error
    return array


def _advice(folder: Path) -> str:
    return f"remove {folder}, or name another folder with --cache-features DIR"
