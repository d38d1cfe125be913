"""EVA-style vision transformer: pre-norm blocks, no final norm, all tokens returned.

The published patch embedding is one convolution with stride = kernel. A small model may put a
stem of overlapping convolutions before it (a deviation from SPRC: it learns much faster from
scratch on little data); without a stem the state-dict names and the arithmetic are EVA's.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.config import StemConfig, VitConfig

LAYER_NORM_EPS = 1e-6


class Stem(nn.Module):
    """A strided and a residual convolution, each with batch norm and ReLU.

    [B, C, H, W] to [B, channels, H/stride, W/stride].
    """

    def __init__(self, inputs: int, config: StemConfig) -> None:
        super().__init__()
        width, kernel = config.channels, config.kernel
        self.conv = nn.Conv2d(
            inputs, width, kernel, stride=config.stride, padding=kernel // 2, bias=False
        )
        self.norm = nn.BatchNorm2d(width)
        self.mix = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.mix_norm = nn.BatchNorm2d(width)

    def forward(self, pixels: Tensor) -> Tensor:
        """Halve the sides (stride 2) and mix neighbours."""
        hidden = functional.relu(self.norm(self.conv(pixels)))
        return functional.relu(hidden + self.mix_norm(self.mix(hidden)))


class PatchEmbed(nn.Module):
    """[B, 3, S, S] to [B, patches, W]."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        channels = [3, *(stem.channels for stem in config.stem)]
        self.stem = nn.ModuleList(
            Stem(inputs, stem) for inputs, stem in zip(channels, config.stem, strict=False)
        )
        self.proj = nn.Conv2d(
            channels[-1], config.width, config.patch_size, stride=config.patch_size
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Cut the picture into patches and project them."""
        for stem in self.stem:
            pixels = stem(pixels)
        patches: Tensor = self.proj(pixels)
        return patches.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention whose key projection has no bias: qkv bias = (q_bias, 0, v_bias)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, W] to [B, N, W]."""
        batch, tokens, width = hidden.shape
        bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
        qkv = functional.linear(hidden, self.qkv.weight, bias)
        query, key, value = (
            qkv.view(batch, tokens, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return result


class Mlp(nn.Module):
    """Two layers with the exact (erf) GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, W] to [B, N, W]."""
        result: Tensor = self.fc2(functional.gelu(self.fc1(hidden)))
        return result


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=LAYER_NORM_EPS)
        self.attn = Attention(config.width, config.heads)
        self.norm2 = nn.LayerNorm(config.width, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(config.width, config.mlp_hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, W] to [B, N, W]."""
        hidden = hidden + self.attn(self.norm1(hidden))
        result: Tensor = hidden + self.mlp(self.norm2(hidden))
        return result


class VisionTransformer(nn.Module):
    """[B, 3, S, S] float32 to [B, P, W]: class token first, then the patches row by row.

    The residual stream is float32, under autocast too.
    """

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, config.tokens, config.width))
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))

    def forward(self, pixels: Tensor) -> Tensor:
        """All tokens after the last block, before ``ln_vision``."""
        patches = self.patch_embed(pixels)
        cls = self.cls_token.expand(patches.shape[0], -1, -1)
        hidden = torch.cat((cls, patches), dim=1) + self.pos_embed
        for block in self.blocks:
            hidden = block(hidden)
        return hidden
