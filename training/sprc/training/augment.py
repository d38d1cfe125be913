"""Moves for an encoder that trains: turn, scale, shift, mirror, light. No change of hue.

Drawn pictures are moved a little. Photos, of which there are few, are moved roughly: scaled and
shifted as if cropped, their contrast changed, and a part of each cut out (random erasing: Zhong et
al., AAAI 2020, arXiv:1708.04896; the hole is grey, the mean of normalised pixels).
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Moves:
    """How far pictures are changed, each value drawn evenly up to these."""

    scale: tuple[float, float]
    """Of what is shown; above 1 is nearer, so that the edges are cropped."""
    degrees: float
    shift: float
    """Share of half a side."""
    light: float
    contrast: float
    hole: float
    """Longest side of what is cut out, as a share of the picture's; 0 cuts nothing."""


GENTLE: Final = Moves(
    scale=(0.88, 1.1), degrees=8.0, shift=0.08, light=0.08, contrast=0.08, hole=0.0
)
ROUGH: Final = Moves(
    scale=(0.85, 1.35), degrees=12.0, shift=0.12, light=0.2, contrast=0.2, hole=0.35
)


def augment(pixels: Tensor, rough: Tensor | None = None) -> Tensor:
    """Each normalised picture a little differently, by PyTorch's own generator.

    Args:
        pixels: [N, 3, S, S].
        rough: bool [N], which of them to move roughly; without it none.
    """
    count = len(pixels)
    chosen = torch.zeros(count, dtype=torch.bool, device=pixels.device) if rough is None else rough

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count, device=pixels.device).uniform_(low, high)

    def either(gentle: float, rougher: float) -> Tensor:
        return torch.where(chosen, rougher, gentle)

    def about(gentle: float, rougher: float) -> Tensor:
        return uniform(-1, 1) * either(gentle, rougher)

    least, most = (either(GENTLE.scale[end], ROUGH.scale[end]) for end in (0, 1))
    scale = least + uniform(0, 1) * (most - least)
    angle = about(GENTLE.degrees, ROUGH.degrees) * (math.pi / 180)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    across, down = (about(GENTLE.shift, ROUGH.shift) for _ in range(2))
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    matrix = torch.stack(
        (
            torch.stack((cos * mirror, sin, across), dim=1),
            torch.stack((-sin * mirror, cos, down), dim=1),
        ),
        dim=1,
    )
    grid = functional.affine_grid(matrix, list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    contrast = about(GENTLE.contrast, ROUGH.contrast).view(-1, 1, 1, 1)
    light = about(GENTLE.light, ROUGH.light).view(-1, 1, 1, 1)
    lit = moved * (1 + contrast) + light
    if rough is None:
        return lit
    return lit.masked_fill(_holes(pixels, chosen), 0.0)


def _holes(pixels: Tensor, chosen: Tensor) -> Tensor:
    """A rectangle in every other chosen picture: bool [N, 1, S, S]."""
    count, side = len(pixels), pixels.shape[-1]
    axis = torch.arange(side, device=pixels.device) / side
    inside = []
    for _ in range(2):
        length = torch.rand(count, 1, device=pixels.device) * ROUGH.hole
        start = torch.rand(count, 1, device=pixels.device) * (1 - length)
        inside.append((axis >= start) & (axis < start + length))
    cut = chosen & (torch.rand(count, device=pixels.device) < 0.5)
    across, down = inside
    return (down[:, None, :, None] & across[:, None, None, :]) & cut.view(-1, 1, 1, 1)
