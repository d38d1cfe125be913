"""CLIP's vision transformer as SPRC's ViT-L models use it, with CLIP's state-dict names.

It differs from EVA's (`sprc.vit`): a norm before the first block, QuickGELU, a bias on every
projection, layer norms with epsilon 1e-5, and a residual stream in the precision of the patch
projection. Like there, no norm follows the last block and all tokens are returned.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.config import VitConfig

LAYER_NORM_EPS = 1e-5
QUICK_GELU_SLOPE = 1.702


class StreamNorm(nn.LayerNorm):
    """Layer norm computed in float32, its result in the precision of its input."""

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, W] to [B, N, W]."""
        return super().forward(hidden.float()).to(hidden.dtype)


class QuickGelu(nn.Module):
    """CLIP's approximation of GELU: x * sigmoid(1.702 x)."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Any shape to the same."""
        return hidden * torch.sigmoid(QUICK_GELU_SLOPE * hidden)


class ClipAttention(nn.Module):
    """Self-attention with the parameter names of ``nn.MultiheadAttention``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, W] to [B, N, W]."""
        batch, tokens, width = hidden.shape
        query, key, value = (
            functional.linear(hidden, self.in_proj_weight, self.in_proj_bias)
            .view(batch, tokens, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return result


class ClipBlock(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.attn = ClipAttention(config.width, config.heads)
        self.ln_1 = StreamNorm(config.width, eps=LAYER_NORM_EPS)
        self.mlp = nn.Sequential(
            OrderedDict(
                c_fc=nn.Linear(config.width, config.mlp_hidden),
                gelu=QuickGelu(),
                c_proj=nn.Linear(config.mlp_hidden, config.width),
            )
        )
        self.ln_2 = StreamNorm(config.width, eps=LAYER_NORM_EPS)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, W] to [B, N, W]."""
        hidden = hidden + self.attn(self.ln_1(hidden))
        result: Tensor = hidden + self.mlp(self.ln_2(hidden))
        return result


class ClipTransformer(nn.Module):
    """The stack of blocks (``visual_encoder.transformer``)."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(ClipBlock(config) for _ in range(config.depth))

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, W] to [B, N, W]."""
        for block in self.resblocks:
            hidden = block(hidden)
        return hidden


class ClipVisionTransformer(nn.Module):
    """[B, 3, S, S] float32 to [B, P, W]: class token first, then the patches row by row."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(config.width))
        self.positional_embedding = nn.Parameter(torch.zeros(config.tokens, config.width))
        self.conv1 = nn.Conv2d(
            3, config.width, config.patch_size, stride=config.patch_size, bias=False
        )
        self.ln_pre = StreamNorm(config.width, eps=LAYER_NORM_EPS)
        self.transformer = ClipTransformer(config)

    def forward(self, pixels: Tensor) -> Tensor:
        """All tokens after the last block, before ``ln_vision``."""
        patches: Tensor = self.conv1(pixels).flatten(2).transpose(1, 2)
        cls = self.class_embedding.to(patches.dtype).expand(patches.shape[0], 1, -1)
        hidden = torch.cat((cls, patches), dim=1) + self.positional_embedding.to(patches.dtype)
        result: Tensor = self.transformer(self.ln_pre(hidden))
        return result
