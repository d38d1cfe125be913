"""Steps of a training epoch that compute features, and steps whose features are kept."""

from collections.abc import Callable

import torch
from torch import Tensor

from sprc.model import Blip2QformerCirAlignPrompt
from sprc.schedule import build_optimizer
from tests.benchmarks.gpu_parts import flops
from tests.benchmarks.gpu_parts.bench import Bench
from tests.benchmarks.harness.timing import ratio

LEARNING_RATE = 1e-9
"""Steps cost what they cost, and random weights stay where they are."""


def measure(bench: Bench, model: Blip2QformerCirAlignPrompt) -> None:
    """The first batch of `training_batches` for which both ways fit into memory."""
    model.train()
    model.visual_encoder.eval()
    for pairs in bench.sizes.training_batches:
        if bench.late:
            bench.say("training: no time left")
            return
        with bench.room_for(f"training with batches of {pairs}"):
            _with(bench, model, pairs)
            return
        model.zero_grad(set_to_none=True)


def _with(bench: Bench, model: Blip2QformerCirAlignPrompt, pairs: int) -> None:
    """A step reads 2 B pictures, or their features, from the host's memory, and ends in AdamW."""
    config = bench.sizes.config
    vit = config.vit
    pixels = _at_hand(bench, torch.randn(2 * pairs, 3, vit.image_size, vit.image_size))
    kept = _at_hand(bench, torch.randn(2 * pairs, vit.tokens, vit.width).half())
    words = bench.words(pairs)
    optimizer = build_optimizer(
        (parameter for parameter in model.parameters() if parameter.requires_grad), LEARNING_RATE
    )
    # The usual start of 65536 overflows in the first steps, and the optimiser would be skipped.
    scaler = torch.amp.GradScaler(bench.device.type, init_scale=256.0, enabled=bench.cuda)

    def step(features: Callable[[], Tensor]) -> None:
        optimizer.zero_grad(set_to_none=True)
        with bench.autocast():
            embeds = model.ln_vision(features().float())
            losses = model.pair_losses(embeds[:pairs], embeds[pairs:], *words)
            loss = losses.itc + losses.rtc + losses.align
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    def computed() -> Tensor:
        with torch.no_grad():
            encoded: Tensor = model.visual_encoder(pixels.to(bench.device, non_blocking=True))
        return encoded

    variants = {
        "plain": lambda: step(computed),
        "kept": lambda: step(lambda: kept.to(bench.device, non_blocking=True)),
    }
    for each in variants.values():  # both fit into memory, the optimiser's moments with them
        each()
    found = bench.alternating(variants)
    faster, limit = ratio(found["plain"], found["kept"]), flops.epoch_limit(config)
    rates = " and ".join(
        f"{pairs * flops.training_pair(config, kept=name == 'kept') / took.median / 1e12:.4g}"
        for name, took in found.items()
    )
    bench.row(
        "gpu/training_kept",
        faster.value,
        f"a step of {pairs} pairs: plain {found['plain']}, kept {found['kept']}, by rounds"
        f" {faster}; {rates} TFLOP/s; pictures need no decoding here",
    )
    bench.row(
        "gpu/training_kept_of_limit", faster.value / limit, f"{faster.value:.4g} of {limit:.4g}"
    )
    peaks = {name: bench.peak_bytes(call) for name, call in variants.items()}
    if peaks["plain"] and peaks["kept"]:
        note = f"{peaks['plain'] / 1e9:.4g} and {peaks['kept'] / 1e9:.4g} GB, {pairs} pairs"
        bench.row("gpu/training_memory", peaks["plain"] / peaks["kept"], note)


def _at_hand(bench: Bench, rows: Tensor) -> Tensor:
    return rows.pin_memory() if bench.cuda else rows
