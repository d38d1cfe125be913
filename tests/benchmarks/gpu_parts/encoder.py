"""The image encoder by batch, beside one big product of matrices and attention written out."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from sprc.model import Blip2QformerCirAlignPrompt
from tests.benchmarks.gpu_parts import flops
from tests.benchmarks.gpu_parts.attention import plain_attention, written_out
from tests.benchmarks.gpu_parts.bench import Bench
from tests.benchmarks.harness.timing import Timings, ratio


def measure(bench: Bench, model: Blip2QformerCirAlignPrompt) -> None:
    """The judged batch first, so that it is there should time run out."""
    judged = bench.sizes.judged
    bench.tables["encoder"] = []
    multiply = _matrix(bench)
    for batch in (judged, *(each for each in bench.sizes.batches if each != judged)):
        if bench.late:
            bench.say(f"encoder at batch {batch}: no time left")
            continue
        with bench.room_for(f"encoder at batch {batch}"):
            _at(bench, model, multiply, batch)
    bench.tables["encoder"].sort(key=lambda line: int(line["batch"]))


@torch.no_grad()
def _at(
    bench: Bench,
    model: Blip2QformerCirAlignPrompt,
    multiply: Callable[[], Tensor],
    batch: int,
) -> None:
    pixels, config = bench.pixels(batch), bench.sizes.config

    def fused() -> Tensor:
        with bench.autocast():
            return model.embed_image(pixels)

    def plain() -> Tensor:
        with written_out():
            return fused()

    judged = batch == bench.sizes.judged
    variants = {"matrix": multiply, "fused": fused} | ({"plain": plain} if judged else {})
    found = bench.alternating(variants)
    matrix_rate = 2 * bench.sizes.matrix**3 / found["matrix"].median
    rate = batch * flops.encoder(config) / found["fused"].median
    peak = bench.peak_bytes(fused)
    bench.tables["encoder"].append(
        {
            "batch": batch,
            "ms": 1e3 * found["fused"].median,
            "pictures_s": batch / found["fused"].median,
            "tflops": rate / 1e12,
            "matrix_tflops": matrix_rate / 1e12,
            "share": rate / matrix_rate,
            "peak_gb": None if peak is None else peak / 1e9,
        }
    )
    bench.say(f"encoder at batch {batch}: {found['fused']}, {rate / matrix_rate:.3f} of the matrix")
    if judged:
        bench.row(
            "gpu/encoder_of_matrix_rate",
            rate / matrix_rate,
            f"{rate / 1e12:.4g} of {matrix_rate / 1e12:.4g} TFLOP/s; a batch takes"
            f" {found['fused']}, {batch / found['fused'].median:.4g} pictures a second",
        )
        if peak is not None:
            weights = sum(p.numel() * p.element_size() for p in model.visual_encoder.parameters())
            note = f"of it {weights / 1e9:.3g} GB are the encoder's weights"
            bench.row("gpu/encoder_memory", peak / 1e9, note)
        _attention(bench, batch, found)


def _attention(bench: Bench, batch: int, whole: dict[str, Timings]) -> None:
    """Attention by itself, and what it tells about the most that the encoder can gain."""
    vit = bench.sizes.config.vit
    shape = (batch, vit.heads, vit.tokens, vit.width // vit.heads)
    query, key, value = (
        torch.randn(shape, device=bench.device, dtype=torch.float16) for _ in range(3)
    )

    def plain() -> Tensor:
        with bench.autocast():
            return plain_attention(query, key, value)

    alone = bench.alternating(
        {
            "fused": lambda: functional.scaled_dot_product_attention(query, key, value),
            "plain": plain,
        }
    )
    faster = ratio(alone["plain"], alone["fused"])
    bench.row(
        "gpu/attention_against_plain",
        faster.value,
        f"one block: plain {alone['plain']}, fused {alone['fused']}; by rounds {faster}",
    )
    gained = ratio(whole["plain"], whole["fused"])
    share = min(vit.depth * alone["plain"].median / whole["plain"].median, 0.999)
    bench.row(
        "gpu/encoder_against_plain",
        gained.value,
        f"plain {whole['plain']}, fused {whole['fused']}; by rounds {gained}. Attention takes"
        f" {share:.0%} of the plain encoder, so that without any it would be"
        f" {1 / (1 - share):.3g} times as fast",
    )


def _matrix(bench: Bench) -> Callable[[], Tensor]:
    size = bench.sizes.matrix
    one, other = (
        torch.randn(size, size, device=bench.device, dtype=torch.float16) for _ in range(2)
    )
    return lambda: one @ other
