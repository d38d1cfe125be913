"""A second stage and the frozen features of pictures, ready to judge candidates by their names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import torch
from torch import Tensor

from retrieval.preprocess.text import Tokenizer
from sprc.datasets.pictures import PictureFiles
from sprc.datasets.records import Query
from sprc.training.feature_cache import KeptFeatures, cache_key, make_cache, open_cache
from sprc.training.features import Encoding

ENCODING_BATCH: Final = 32


class Matcher(Protocol):
    """A second stage, in eval mode; letters of shapes as in `sprc.base.ImageTextModel`."""

    def frozen_tokens(self, features: Tensor) -> Tensor:
        """Kept features of pictures to what is judged, [C, P, W]."""
        ...

    def rerank(
        self, references: Tensor, targets: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """Probabilities [B, C] of candidates [B, C, P, W] for references [B, P, W] and texts."""
        ...


@dataclass
class Judge:
    """Judges pairs; features (megabytes a picture at full size) are read as they are needed."""

    model: Matcher
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
    features: Encoding,
    pictures: Sequence[tuple[str, PictureFiles]],
    *,
    dtype: torch.dtype,
    encoder: str,
    workers: int,
) -> KeptFeatures:
    """Features of pictures, computed into a folder unless they are there already.

    Args:
        folder: What is made of other pictures or weights is refused.
        features: What computes them.
        pictures: Names, and where each one lies.
        dtype: How the model takes them; they are kept in float16.
        encoder: Digest of the encoder's weights.
        workers: Processes that read pictures.

    Raises:
        TrainingError: The folder holds other features, or the disk has no room.
        PictureError: A picture cannot be read.
    """
    key = cache_key(features, encoder, pictures)
    make_cache(folder, features, key, pictures, batch_size=ENCODING_BATCH, workers=workers)
    names = [name for name, _ in pictures]
    return open_cache(folder, key, names, features.mixed.device, dtype)
