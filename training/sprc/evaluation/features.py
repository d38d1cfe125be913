"""Vectors of a gallery and of its queries, in one pass over the pictures.

A query is composed while the embeds of its reference are at hand, and the embeds (megabytes a
picture at full size) are dropped with their batch: memory holds tokens and query vectors only.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from sprc.datasets.records import Query
from sprc.evaluation.backends import BackendError, Embedder

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
    embedder: Embedder,
    names: Sequence[str],
    rows: Dataset[Tensor],
    queries: Sequence[Query],
    loading: Loading,
    *,
    text_only: bool = False,
    label: str = "gallery",
) -> Features:
    """Embed pictures and compose queries.

    Args:
        embedder: The model.
        names: The pictures, every reference of a query among them.
        rows: What the embedder embeds, in the order of the names.
        queries: To compose.
        loading: How rows are read.
        text_only: Whether to embed the queries' words alone too.
        label: For the progress bar.

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
        rows,
        batch_size=loading.batch_size,
        num_workers=loading.workers,
        pin_memory=torch.cuda.is_available(),
        # Nothing is drawn from PyTorch's own random numbers, of which a training run may have need.
        generator=torch.Generator(),
    )
    interval = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(total=len(names), desc=label, unit="picture", mininterval=interval) as bar:
        for pixels in loader:
            embeds, tokens = embedder.embed(pixels)
            gallery.append(tokens.cpu())
            start, seen = seen, seen + len(pixels)
            asked = [
                (row, position)
                for row, name in enumerate(names[start:seen])
                for position in waiting[name]
            ]
            for chunk in _chunks(asked, loading.batch_size):
                texts = [queries[position].text for _, position in chunk]
                vectors = embedder.compose(embeds[[row for row, _ in chunk]], texts).cpu()
                composed |= {position: v for (_, position), v in zip(chunk, vectors, strict=True)}
            bar.update(len(pixels))
    features = Features(
        tuple(names),
        torch.cat(gallery),
        torch.stack([composed[position] for position in range(len(queries))]),
        _texts(embedder, queries, loading.batch_size) if text_only else None,
    )
    if not (torch.isfinite(features.tokens).all() and torch.isfinite(features.composed).all()):
        raise BackendError(
            f"the {embedder.label} gives vectors that are not finite: its weights are damaged, or "
            "need --precision float32"
        )
    return features


def _texts(embedder: Embedder, queries: Sequence[Query], batch_size: int) -> Tensor:
    return torch.cat(
        [
            embedder.embed_text([query.text for query in chunk]).cpu()
            for chunk in _chunks(queries, batch_size)
        ]
    )


def _chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
