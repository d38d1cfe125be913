"""Both image encoders: CLIP's against torch's own layers, precision, and compiled graphs."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sprc.clip_vit import ClipVisionTransformer
from sprc.config import ModelConfig, VitConfig
from sprc.half import halve_encoder
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from tests.training.tiny import tiny_config

EVA = VitConfig(image_size=28, patch_size=7, width=32, depth=2, heads=4, mlp_hidden=48)
CLIP = replace(EVA, mlp_hidden=128, family="clip")
ENCODERS = pytest.mark.parametrize("vit", [EVA, CLIP], ids=["eva", "clip"])


def model_with(vit: VitConfig) -> Blip2QformerCirAlignPrompt:
    """Two blocks, two Q-Former layers, weights away from zero."""
    config = tiny_config()
    model = Blip2QformerCirAlignPrompt(ModelConfig(vit, config.qformer, 16, config.text_length))
    initialise(model, 3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for value in model.visual_encoder.parameters():
            value.add_(0.1 * torch.randn(value.shape, generator=generator))
    return model.eval()


def batch(model: Blip2QformerCirAlignPrompt) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Three pictures with texts of three lengths."""
    generator = torch.Generator().manual_seed(6)
    side, length = model.config.vit.image_size, model.config.text_length
    ids = torch.randint(0, model.config.qformer.vocab, (3, length), generator=generator)
    mask = (torch.arange(length) < torch.tensor([[4], [length], [2]])).long()
    return torch.randn(3, 3, side, side, generator=generator), ids * mask, mask


@torch.inference_mode()
def test_clip_encoder_is_torchs_own_attention_with_quick_gelu() -> None:
    """The same arithmetic from ``nn.MultiheadAttention`` and written-out layers."""
    encoder = model_with(CLIP).visual_encoder
    assert isinstance(encoder, ClipVisionTransformer)
    pixels, _, _ = batch(model_with(CLIP))
    patches = encoder.conv1(pixels).reshape(3, 32, -1).permute(0, 2, 1)
    cls = encoder.class_embedding.reshape(1, 1, -1).repeat(3, 1, 1)
    hidden = torch.cat((cls, patches), 1) + encoder.positional_embedding
    hidden = nn.functional.layer_norm(
        hidden, (32,), encoder.ln_pre.weight, encoder.ln_pre.bias, eps=1e-5
    )
    for block in encoder.transformer.resblocks:
        attention = nn.MultiheadAttention(32, 4, batch_first=True)
        attention.load_state_dict(block.attn.state_dict())
        normed = nn.functional.layer_norm(
            hidden, (32,), block.ln_1.weight, block.ln_1.bias, eps=1e-5
        )
        hidden = hidden + attention(normed, normed, normed, need_weights=False)[0]
        normed = nn.functional.layer_norm(
            hidden, (32,), block.ln_2.weight, block.ln_2.bias, eps=1e-5
        )
        inner = block.mlp.c_fc(normed)
        hidden = hidden + block.mlp.c_proj(inner / (1 + torch.exp(-1.702 * inner)))
    torch.testing.assert_close(encoder(pixels), hidden, atol=2e-6, rtol=1e-5)


@ENCODERS
@torch.inference_mode()
def test_halved_encoder_under_autocast(vit: VitConfig) -> None:
    """EVA's residual stream stays float32, CLIP's takes the lower precision, embeds are float32.

    bfloat16 on the CPU stands in for float16 on a GPU.
    """
    model = model_with(vit)
    pixels, _, _ = batch(model)
    expected = model.embed_image(pixels)
    halve_encoder(model)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.visual_encoder(pixels)
        embeds = model.embed_image(pixels)
    assert hidden.dtype == (torch.float32 if vit.family == "eva" else torch.bfloat16)
    assert embeds.dtype == torch.float32
    assert float((embeds - expected).abs().mean()) < 0.02


class Step(nn.Module):
    """A training step, which goes through every pass but ``compute_itm``'s head."""

    def __init__(self, model: Blip2QformerCirAlignPrompt) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, pixels: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        embeds = self.model.embed_image(pixels)
        losses = self.model.pair_losses(embeds, embeds.flip(0), ids, mask)
        return losses.itc, losses.rtc, losses.align


class Encoding(nn.Module):
    """The part of a step in which the families differ."""

    def __init__(self, model: Blip2QformerCirAlignPrompt) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, pixels: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        return (self.model.embed_image(pixels).square().mean(),)


@pytest.mark.parametrize(
    ("vit", "part"), [(EVA, Step), (CLIP, Encoding)], ids=["eva, a whole step", "clip, encoding"]
)
def test_two_blocks_compile_without_a_graph_break(
    vit: VitConfig, part: type[Step | Encoding]
) -> None:
    """``fullgraph=True`` raises at a break. The backend is aot_eager, which traces forward and
    backward as inductor does, without inductor's minutes of C++ compilation on a CPU."""
    torch.compiler.reset()
    model = part(model_with(vit))
    expected = model(*batch(model.model))
    torch.stack(expected).sum().backward()
    gradients = {name: value.grad for name, value in model.named_parameters()}
    model.zero_grad()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    actual = compiled(*batch(model.model))
    torch.stack(actual).sum().backward()
    for ours, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    for name, value in model.named_parameters():
        # Where the loss does not reach, a compiled graph gives zeros and an eager one nothing.
        ours, theirs = (
            torch.zeros_like(value) if gradient is None else gradient
            for gradient in (value.grad, gradients[name])
        )
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
