"""Several augmented views of each picture, for an encoder that rests and whose output is kept.

The first view is the picture itself, which validation reads; a step of training takes one of them
by chance, drawn from the generator that the step has seeded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sprc.training.augment import GENTLE, ROUGH, augment
from sprc.training.features import Features


@dataclass(frozen=True)
class Views:
    """How many views of a picture are kept, and of what kind."""

    count: int = 1
    """The picture itself counts."""
    rough: frozenset[str] = frozenset()
    """Names of the pictures that are augmented roughly."""
    seed: int = 0

    def key(self, names: Sequence[str]) -> dict[str, Any]:
        """What of this decides the kept features, for JSON; empty where nothing is augmented."""
        if self.count == 1:
            return {}
        rough = [place for place, name in enumerate(names) if name in self.rough]
        moves = [repr(GENTLE), repr(ROUGH)]
        return {"views": {"count": self.count, "rough": rough, "seed": self.seed, "moves": moves}}

    def encode(self, features: Features, pixels: Tensor, names: Sequence[str]) -> Tensor:
        """Pixels [N, 3, S, S] of named pictures to features [N, P, W], or of views [N, V, P, W]."""
        plain = features.encode(pixels).cpu()
        if self.count == 1:
            return plain
        rough = torch.tensor([name in self.rough for name in names])
        others = [features.encode(augment(pixels, rough)).cpu() for _ in range(self.count - 1)]
        return torch.stack((plain, *others), dim=1)


def one_view(rows: Tensor) -> Tensor:
    """Kept features [N, P, W] as they are; of views [N, V, P, W] one each, the first without grad.

    A pass without gradients validates.
    """
    if rows.ndim == 3:
        return rows
    count, views = rows.shape[:2]
    if not torch.is_grad_enabled():
        return rows[:, 0]
    return rows[torch.arange(count), torch.randint(views, (count,))]
