"""Uint8 pictures to training pixels: small moves, mirror, light. No change of hue."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from retrieval.preprocess.targetpad import CLIP_MEAN, CLIP_STD


def normalise(pixels: Tensor) -> Tensor:
    """uint8 [B, 3, S, S] to CLIP-normalised float32, as `targetpad` gives them."""
    mean = torch.tensor(CLIP_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(CLIP_STD).view(1, 3, 1, 1)
    return (pixels.float() / 255 - mean) / std


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """The same for training, each picture moved and lit a little differently."""
    batch = len(pixels)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(batch).uniform_(low, high, generator=generator)

    scale, angle = uniform(0.88, 1.1), uniform(-8, 8) * (math.pi / 180)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    matrix = torch.stack(
        (
            torch.stack((cos * mirror, sin, uniform(-0.08, 0.08)), dim=1),
            torch.stack((-sin * mirror, cos, uniform(-0.08, 0.08)), dim=1),
        ),
        dim=1,
    )
    grid = functional.affine_grid(matrix, list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(
        normalise(pixels), grid, padding_mode="border", align_corners=False
    )
    light = uniform(0.92, 1.08).view(-1, 1, 1, 1)
    shift = uniform(-0.08, 0.08).view(-1, 1, 1, 1)
    return moved * light + shift
