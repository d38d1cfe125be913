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
Kinds = tuple[Kind, ...]
"""How each member of a family is shown; empty where chance decides."""
_Task = tuple[Path, str, int, range, int, Kinds]


def draw_families(
    folder: Path,
    prefix: str,
    *,
    seed: int,
    count: int,
    size: int,
    kinds: Kinds = (),
    workers: int | None = None,
    progress: bool = True,
) -> list[Family]:
    """Draw `count` families of `size` garments as JPEG files in `folder`.

    Family i depends on `seed` and i alone. Names are `prefix`, the family and the member. Without
    `kinds`, one for each member, a third of all pictures are snapshots.
    """
    chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    tasks: list[_Task] = [(folder, prefix, seed, chunk, size, kinds) for chunk in chunks]
    bar = tqdm(total=count * size, desc=f"draw {prefix}", unit="picture", disable=not progress)
    families: list[Family] = []
    with bar, pool_map(_draw, tasks, workers) as done:
        for family in chain.from_iterable(done):
            families.append(family)
            bar.update(size)
    return families


def _draw(task: _Task) -> list[Family]:
    folder, prefix, seed, indices, size, kinds = task
    families: list[Family] = []
    for index in indices:
        rng = np.random.default_rng([seed, index])
        family = []
        for member, garment in enumerate(sample_family(rng, size)):
            chance: Kind = "snapshot" if rng.random() < _SNAPSHOT_SHARE else "product"
            kind = kinds[member] if kinds else chance
            picture = Picture(f"{prefix}-{index:05d}-{member}", garment, kind)
            image = draw(garment, rng, kind=kind)
            image.save(folder / f"{picture.name}.jpg", quality=_JPEG_QUALITY)
            family.append(picture)
        families.append(family)
    return families
