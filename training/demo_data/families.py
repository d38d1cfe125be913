"""Drawn families: garments of which each is one to three attributes away from an earlier one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from demo_catalog.draw import Kind, draw
from demo_catalog.garments import Garment
from demo_catalog.workers import pool_map
from demo_data.edits import sample_family

_CHUNK: Final = 50
_JPEG_QUALITY: Final = 92
_SNAPSHOT_SHARE: Final = 0.35


@dataclass(frozen=True)
class Picture:
    """A drawn garment and the name of its file, without extension."""

    name: str
    garment: Garment
    kind: Kind = "product"


Family = Sequence[Picture]
_Task = tuple[Path, str, int, range, int]


def draw_families(
    folder: Path,
    prefix: str,
    *,
    seed: int,
    count: int,
    size: int,
    workers: int | None = None,
    progress: bool = True,
) -> list[Family]:
    """Draw `count` families of `size` garments as JPEG files in `folder`.

    Family i depends on `seed` and i alone. Names are `prefix`, the family and the member.
    """
    chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    tasks: list[_Task] = [(folder, prefix, seed, chunk, size) for chunk in chunks]
    bar = tqdm(total=count * size, desc=f"draw {prefix}", unit="picture", disable=not progress)
    families: list[Family] = []
    with bar, pool_map(_draw, tasks, workers) as done:
        for family in chain.from_iterable(done):
            families.append(family)
            bar.update(size)
    return families


def _draw(task: _Task) -> list[Family]:
    folder, prefix, seed, indices, size = task
    families: list[Family] = []
    for index in indices:
        rng = np.random.default_rng([seed, index])
        family = []
        for member, garment in enumerate(sample_family(rng, size)):
            kind: Kind = "snapshot" if rng.random() < _SNAPSHOT_SHARE else "product"
            picture = Picture(f"{prefix}-{index:05d}-{member}", garment, kind)
            image = draw(garment, rng, kind=kind)
            image.save(folder / f"{picture.name}.jpg", quality=_JPEG_QUALITY)
            family.append(picture)
        families.append(family)
    return families
