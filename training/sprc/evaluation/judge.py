"""A second stage and the frozen features of pictures, ready to judge candidates by their names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from retrieval.preprocess.text import Tokenizer
from sprc.base import ImageTextModel
from sprc.datasets.pictures import PictureFiles
from sprc.datasets.records import Query
from sprc.reranker import Blip2QformerCirRerank
from sprc.training.feature_cache import KeptFeatures, cache_key, make_cache, open_cache
from sprc.training.features import PictureFeatures, stream_dtype

ENCODING_BATCH: Final = 32


@dataclass
class Judge:
    """Judges pairs; features (megabytes a picture at full size) are read as they are needed."""

    model: Blip2QformerCirRerank
    """In eval mode."""
    tokenizer: Tokenizer
    kept: KeptFeatures
    at_once: int
    """Candidates that the model works on at once."""
    _known: dict[tuple[str, str], float] = field(default_factory=dict)
    """Of a query and a picture: the galleries of one task share most of their candidates."""

    def probabilities(self, query: Query, names: Sequence[str]) -> Tensor:
        """How probably each of C pictures answers a query, float32 [C] on the CPU."""
        missing = [name for name in names if (query.id, name) not in self._known]
        if missing:
            found = self._judge(query, missing).tolist()
            self._known |= {(query.id, n): p for n, p in zip(missing, found, strict=True)}
        return torch.tensor([self._known[query.id, name] for name in names])

    @torch.inference_mode()
    def _judge(self, query: Query, names: Sequence[str]) -> Tensor:
        ids, mask = (
            torch.from_numpy(array).to(self.kept.device)
            for array in self.tokenizer.encode_batch([query.text])
        )
        reference = self._embeds([query.reference])
        found = [
            self.model.rerank(
                reference, self._embeds(names[start : start + self.at_once])[None], ids, mask
            )[0].cpu()
            for start in range(0, len(names), self.at_once)
        ]
        return torch.cat(found)

    def _embeds(self, names: Iterable[str]) -> Tensor:
        """Frozen tokens [C, P, W] of pictures."""
        rows = torch.stack([self.kept.row(name) for name in names])
        return self.model.frozen_tokens(self.kept.encode(rows))


def keep_pictures(
    folder: Path,
    model: ImageTextModel,
    features: PictureFeatures,
    pictures: Sequence[tuple[str, PictureFiles]],
    *,
    encoder: str,
    workers: int,
) -> KeptFeatures:
    """Features of pictures, computed into a folder unless they are there already.

    Args:
        folder: What is made of other pictures or weights is refused.
        model: Whose encoder computes them.
        features: How.
        pictures: Names, and where each one lies.
        encoder: Digest of the encoder's weights.
        workers: Processes that read pictures.

    Raises:
        TrainingError: The folder holds other features, or the disk has no room.
        PictureError: A picture cannot be read.
    """
    key = cache_key(features, encoder, pictures)
    make_cache(folder, features, key, pictures, batch_size=ENCODING_BATCH, workers=workers)
    mixed = features.mixed
    names = [name for name, _ in pictures]
    return open_cache(folder, key, names, mixed.device, stream_dtype(model, mixed))
