"""Drawn families of garments: their attributes and their pixels, from a seed alone."""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from demo_catalog.draw import DRAWING_VERSION, draw
from demo_catalog.garments import Garment
from retrieval.preprocess.targetpad import CLIP_MEAN, CLIP_STD, targetpad
from sprc.demo.attributes import garment_matrix
from sprc.demo.edits import sample_family

DRAWN_SIZE: Final = 320
"""Pixels as in the demo catalog; the model sees them scaled down as in serving."""
_CHUNK: Final = 50


@dataclass(frozen=True)
class Families:
    """`count` families of `size` garments; garment i belongs to family i // size."""

    size: int
    garments: list[Garment]
    vectors: NDArray[np.uint8]
    """[N, attribute values], one 1 per attribute."""
    pixels: NDArray[np.uint8]
    """[N, 3, S, S], after targetpad, before normalisation."""

    @property
    def count(self) -> int:
        """Families."""
        return len(self.garments) // self.size


def load_or_draw(path: Path, *, seed: int, count: int, size: int, side: int) -> Families:
    """Families from a file if it holds just these, else drawn and kept there."""
    key = json.dumps([DRAWING_VERSION, DRAWN_SIZE, seed, count, size, side])
    if path.is_file():
        with np.load(path) as kept:
            if str(kept["key"]) == key:
                garments = [Garment(**row) for row in json.loads(str(kept["garments"]))]
                return Families(size, garments, garment_matrix(garments), kept["pixels"])
    families = draw_families(seed, count, size, side)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = json.dumps([asdict(garment) for garment in families.garments])
    aside = path.with_name(f"partial-{path.name}")
    np.savez(aside, key=key, garments=rows, pixels=families.pixels)
    aside.rename(path)
    return families


def draw_families(seed: int, count: int, size: int, side: int, workers: int = 2) -> Families:
    """Sample and draw families; family i depends on `seed` and i only."""
    chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    task = partial(_draw_chunk, seed=seed, size=size, side=side)
    if workers < 2 or len(chunks) < 2:
        parts = [task(chunk) for chunk in chunks]
    else:
        # Fresh interpreters: a fork would copy a process in which torch runs threads.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            parts = list(
                tqdm(pool.map(task, chunks), total=len(chunks), desc="draw", mininterval=5)
            )
    garments = [garment for part, _ in parts for garment in part]
    pixels = np.concatenate([part for _, part in parts])
    return Families(size, garments, garment_matrix(garments), pixels)


def _draw_chunk(
    indices: range, *, seed: int, size: int, side: int
) -> tuple[list[Garment], NDArray[np.uint8]]:
    garments: list[Garment] = []
    pixels = np.empty((len(indices) * size, 3, side, side), np.uint8)
    for index in indices:
        rng = np.random.default_rng([seed, index])
        for garment in sample_family(rng, size):
            pixels[len(garments)] = to_uint8(targetpad(draw(garment, rng, DRAWN_SIZE), size=side))
            garments.append(garment)
    return garments, pixels


def to_uint8(normalised: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Undo CLIP's normalisation of [3, S, S] exactly: the pixels were 8 bit before it."""
    mean = np.asarray(CLIP_MEAN, np.float32)[:, None, None]
    std = np.asarray(CLIP_STD, np.float32)[:, None, None]
    pixels: NDArray[np.uint8] = np.rint((normalised * std + mean) * 255).astype(np.uint8)
    return pixels
