"""The image encoder's forward pass: attention written out, PyTorch's fused one, and compiled."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sprc.model import Blip2QformerCirAlignPrompt
from tests.benchmarks.gpu_parts.attention import written_out
from tests.benchmarks.harness.timing import alternating
from tests.benchmarks.training_pace import sizes

# Compiling in this process keeps it within its caller's bound of time.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")


def written_out_against_fused(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds of a batch, both ways in turn, and how far the results differ."""
    encoder, pixels = _encoder(options)

    def plain() -> Tensor:
        with written_out():
            return encoder(pixels)

    return _compared({"plain": plain, "fused": lambda: encoder(pixels)}, options)


def compiled_against_fused(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds of a batch, compiled and as it is, in turn. The first call compiles."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
    encoder, pixels = _encoder(options)
    compiled = torch.compile(encoder)
    return _compared(
        {"compiled": lambda: compiled(pixels), "fused": lambda: encoder(pixels)}, options
    )


def _encoder(options: argparse.Namespace) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    torch.manual_seed(1)
    config = sizes(options.backbone)
    model = Blip2QformerCirAlignPrompt(config).visual_encoder.eval().requires_grad_(False)
    return model, torch.randn(options.batch_size, 3, config.vit.image_size, config.vit.image_size)


@torch.no_grad()
def _compared(
    variants: dict[str, Callable[[], Tensor]], options: argparse.Namespace
) -> dict[str, Any]:
    one, other = (call() for call in variants.values())
    timings = alternating(variants, options.rounds, warm_up=1)
    return {
        "seconds": {name: found.seconds for name, found in timings.items()},
        "difference": float((one - other).abs().max()),
        "batch": options.batch_size,
        "threads": torch.get_num_threads(),
    }
