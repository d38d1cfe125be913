"""Vectors of a gallery and of its queries, in one pass over the pictures.

A query is composed while the embeds of its reference are at hand, and the embeds (megabytes a
picture at full size) are dropped with their batch: memory holds tokens and query vectors only.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from sprc.datasets.loading import PictureDataset
from sprc.datasets.pictures import PictureFiles
from sprc.datasets.records import Query
from sprc.evaluation.backends import Backend, BackendError

T = TypeVar("T")


@dataclass(frozen=True)
class Loading:
    """How pictures are read, and how many are worked on at once."""

    batch_size: int = 32
    workers: int = 0


@dataclass(frozen=True)
class Features:
    """Vectors of one gallery and its queries, float32 on the CPU."""

    names: tuple[str, ...]
    tokens: Tensor
    """[N, K, D], L2-normalised, in the order of `names`."""
    composed: Tensor
    """[Q, D]."""
    text_only: Tensor | None
    """[Q, D] where asked for."""


def compute_features(
    backend: Backend,
    names: Sequence[str],
    pictures: PictureFiles,
    queries: Sequence[Query],
    loading: Loading,
    *,
    text_only: bool = False,
    label: str = "gallery",
) -> Features:
    """Embed pictures and compose queries, whose references are among `names`.

    Raises:
        PictureError: A picture is missing or damaged.
        BackendError: The model gives vectors that are not finite.
    """
    waiting: dict[str, list[int]] = defaultdict(list)
    for position, query in enumerate(queries):
        waiting[query.reference].append(position)
    composed: dict[int, Tensor] = {}
    gallery: list[Tensor] = []
    seen = 0
    loader: Iterable[Tensor] = DataLoader(
        PictureDataset(names, pictures, backend.transform),
        batch_size=loading.batch_size,
        num_workers=loading.workers,
    )
    with tqdm(total=len(names), desc=label, unit="picture") as bar:
        for pixels in loader:
            embeds, tokens = backend.embed(pixels)
            gallery.append(tokens.cpu())
            start, seen = seen, seen + len(pixels)
            rows = [
                (row, position)
                for row, name in enumerate(names[start:seen])
                for position in waiting[name]
            ]
            for chunk in _chunks(rows, loading.batch_size):
                texts = [queries[position].text for _, position in chunk]
                vectors = backend.compose(embeds[[row for row, _ in chunk]], texts).cpu()
                composed |= {position: v for (_, position), v in zip(chunk, vectors, strict=True)}
            bar.update(len(pixels))
    features = Features(
        tuple(names),
        torch.cat(gallery),
        torch.stack([composed[position] for position in range(len(queries))]),
        _texts(backend, queries, loading.batch_size) if text_only else None,
    )
    if not (torch.isfinite(features.tokens).all() and torch.isfinite(features.composed).all()):
        raise BackendError(
            f"the {backend.label} gives vectors that are not finite: its weights are damaged, or "
            "need --precision float32"
        )
    return features


def _texts(backend: Backend, queries: Sequence[Query], batch_size: int) -> Tensor:
    return torch.cat(
        [
            backend.embed_text([query.text for query in chunk]).cpu()
            for chunk in _chunks(queries, batch_size)
        ]
    )


def _chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
