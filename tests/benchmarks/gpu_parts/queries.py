"""Fusion by batch, and one query with its reference's embeds kept and without."""

import torch
from torch import Tensor

from sprc.model import Blip2QformerCirAlignPrompt
from tests.benchmarks.gpu_parts.bench import Bench
from tests.benchmarks.harness.timing import ratio


@torch.no_grad()
def measure(bench: Bench, model: Blip2QformerCirAlignPrompt) -> None:
    """Embeds are float16, as they are kept, and lie on the device already where batches grow."""
    vit = bench.sizes.config.vit
    bench.tables["fusion"] = []
    for batch in bench.sizes.fusion_batches:
        if bench.late:
            bench.say(f"fusion at batch {batch}: no time left")
            continue
        with bench.room_for(f"fusion at batch {batch}"):
            shape = (batch, vit.tokens, vit.width)
            embeds = torch.randn(shape, device=bench.device, dtype=torch.float16)
            words = bench.words(batch)

            def compose(embeds: Tensor = embeds, words: tuple[Tensor, Tensor] = words) -> Tensor:
                with bench.autocast():
                    return model.compose(embeds.float(), *words)

            took = bench.alternating({"fusion": compose})["fusion"]
            line = {"batch": batch, "ms": 1e3 * took.median, "queries_s": batch / took.median}
            bench.tables["fusion"].append(line)
            bench.say(f"fusion at batch {batch}: {took}")
    _batched(bench)
    if not bench.late:
        _one(bench, model)


def _batched(bench: Bench) -> None:
    rates = {line["batch"]: line["queries_s"] for line in bench.tables["fusion"]}
    low, high = bench.sizes.fusion_batches[0], bench.sizes.fusion_batches[-1]
    if low in rates and high in rates:
        note = f"{rates[high]:.4g} against {rates[low]:.4g} queries a second"
        bench.row("gpu/fusion_batched", rates[high] / rates[low], note)


def _one(bench: Bench, model: Blip2QformerCirAlignPrompt) -> None:
    """Both ways begin in the host's memory: pixels or kept embeds are sent to the device first."""
    vit = bench.sizes.config.vit
    pixels = bench.pixels(1).cpu()
    embeds = torch.randn(1, vit.tokens, vit.width, dtype=torch.float16)
    words = bench.words(1)

    def uncached() -> Tensor:
        with bench.autocast():
            return model.compose(model.embed_image(pixels.to(bench.device)), *words)

    def cached() -> Tensor:
        with bench.autocast():
            return model.compose(embeds.to(bench.device).float(), *words)

    found = bench.alternating({"uncached": uncached, "cached": cached})
    times = ratio(found["uncached"], found["cached"])
    note = f"uncached {found['uncached']}, cached {found['cached']}; by rounds {times}"
    bench.row("gpu/query_uncached", times.value, note)
