"""Small moves for an encoder that trains: turn, scale, shift, mirror, light. No change of hue."""

import math

import torch
from torch import Tensor
from torch.nn import functional

SCALE = (0.88, 1.1)
DEGREES = 8.0
SHIFT = 0.08
"""Share of half a side."""
LIGHT = 0.08


def augment(pixels: Tensor) -> Tensor:
    """Each normalised picture of [N, 3, S, S] a little differently, by PyTorch's own generator."""
    count = len(pixels)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count, device=pixels.device).uniform_(low, high)

    scale, angle = uniform(*SCALE), uniform(-DEGREES, DEGREES) * (math.pi / 180)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    matrix = torch.stack(
        (
            torch.stack((cos * mirror, sin, uniform(-SHIFT, SHIFT)), dim=1),
            torch.stack((-sin * mirror, cos, uniform(-SHIFT, SHIFT)), dim=1),
        ),
        dim=1,
    )
    grid = functional.affine_grid(matrix, list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    light, shift = (uniform(-LIGHT, LIGHT).view(-1, 1, 1, 1) for _ in range(2))
    return moved * (1 + light) + shift
