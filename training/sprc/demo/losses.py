"""Losses of the demo model, all over sets: whatever satisfies a wish is a positive."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.demo.attributes import NAMES, SIZES, WIDTH

_BOUNDS = tuple(torch.tensor((0, *SIZES)).cumsum(0).tolist())
TOKEN_COSINE = 0.7
"""Tokens of one picture more alike than this are pushed apart."""


class AttributeHeads(nn.Module):
    """Reads every attribute off a vector; only used in training."""

    def __init__(self, width: int, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.linear = nn.Linear(width, WIDTH)

    def forward(self, vectors: Tensor, wishes: Tensor) -> Tensor:
        """Mean over attributes of -log P(an allowed value); [B, width] and [B, values] 0/1."""
        logits = self.linear(vectors * self.scale).float()
        allowed = wishes.bool()
        losses = []
        for start, end in pairwise(_BOUNDS):
            part = logits[:, start:end].log_softmax(-1)
            losses.append(-part.masked_fill(~allowed[:, start:end], -torch.inf).logsumexp(-1))
        return torch.stack(losses).mean()


def satisfies(wishes: Tensor, garments: Tensor) -> Tensor:
    """[Q, N] bool: which garments satisfy which wishes, from 0/1 vectors."""
    return (wishes.float() @ garments.float().T) > len(NAMES) - 0.5


def contrastive(scores: Tensor, positives: Tensor, temperature: Tensor) -> Tensor:
    """Cross-entropy over candidates, averaged over each query's positives; [Q, N] both."""
    logs = (scores.float() / temperature).log_softmax(-1)
    weights = positives.float()
    return -((logs * weights).sum(-1) / weights.sum(-1).clamp(min=1)).mean()


def token_spread(tokens: Tensor) -> Tensor:
    """How far the K tokens [N, K, D] of a picture exceed `TOKEN_COSINE`, mean over pairs."""
    cosines = tokens @ tokens.transpose(1, 2)
    count = tokens.shape[1]
    others = ~torch.eye(count, dtype=torch.bool, device=tokens.device)
    return functional.relu(cosines[:, others] - TOKEN_COSINE).mean()
