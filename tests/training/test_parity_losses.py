"""Losses, gradients and four optimiser steps against those that the published code computed."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from sprc.checkpoint import load_model
from sprc.model import Blip2QformerCirAlignPrompt, Losses
from sprc.schedule import build_optimizer, build_scheduler, cirr_schedule
from tests.training.parity import TINY_A, arrays, difference, pixels, texts

CIRR = "sum_cirr_defaults_rtc0p4_align0p4"
# Adam divides by a gradient's own size, which makes noise larger; 2.4e-6 was measured.
AFTER_STEPS = 2e-5
# Weights of itc, rtc and align in what was recorded.
WEIGHTS = {
    "loss_itc": (1.0, 0.0, 0.0),
    "loss_rtc": (0.0, 1.0, 0.0),
    "loss_align": (0.0, 0.0, 1.0),
    "sum_unweighted_fashioniq": (1.0, 1.0, 1.0),
    CIRR: (1.0, 0.4, 0.4),
}


@pytest.fixture
def model() -> Blip2QformerCirAlignPrompt:
    """Without dropout and with the encoder frozen, as recorded."""
    model = load_model(TINY_A / "ckpt.pt")
    model.visual_encoder.requires_grad_(False)
    return model


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((TINY_A / "losses.json").read_text())
    return content


def losses(model: Blip2QformerCirAlignPrompt, recorded: dict[str, Any]) -> Losses:
    """Through ``ln_vision``, which SPRC trains."""
    embeds = model.embed_image(pixels())
    return model.pair_losses(
        embeds[recorded["image_index"]],
        embeds[recorded["target_index"]],
        *texts(recorded["text_index"]),
    )


def weighted(losses: Losses, weights: tuple[float, float, float]) -> torch.Tensor:
    parts = zip(weights, (losses.itc, losses.rtc, losses.align), strict=True)
    # A term of weight 0 would turn a missing gradient into one of zeros.
    return torch.stack([weight * loss for weight, loss in parts if weight]).sum()


def norm(gradients: list[torch.Tensor | None]) -> float:
    """Global norm in float64, which is what float32 noise is measured against."""
    return sum(float(g.double().square().sum()) for g in gradients if g is not None) ** 0.5


@pytest.mark.parametrize("name", WEIGHTS)
def test_values_and_gradient_norms(
    model: Blip2QformerCirAlignPrompt, recorded: dict[str, Any], name: str
) -> None:
    loss = weighted(losses(model, recorded), WEIGHTS[name])
    assert float(loss) == pytest.approx(recorded[name]["value"], abs=2e-6)
    loss.backward()
    expected = recorded[name]
    parameters = dict(model.named_parameters())
    trained = [value.grad for value in parameters.values() if value.requires_grad]
    qformer = [value.grad for value in model.Qformer.parameters()]
    assert norm(qformer) == pytest.approx(expected["grad_norm_Qformer"], abs=1e-4)
    assert norm(trained) == pytest.approx(expected["grad_norm_all_trainable"], abs=1e-4)
    for key, value in expected["grad_norm"].items():
        assert norm([parameters[key].grad]) == pytest.approx(value, abs=5e-5), key
    without = {k for k, value in parameters.items() if value.requires_grad and value.grad is None}
    # Which of a recorded loss's unused tensors have no gradient at all, and which have zeros,
    # depends on the sum that was built; those listed never take part in any.
    assert set(expected["params_without_grad"]) <= without
    with np.load(TINY_A / "grads.npz") as grads:
        norms = dict(zip(grads[f"{name}__names"], grads[f"{name}__norms"], strict=True))
    assert len(norms) == 121
    for key, value in norms.items():
        assert norm([parameters[str(key)].grad]) == pytest.approx(float(value), abs=5e-5), key


def test_full_gradients(model: Blip2QformerCirAlignPrompt, recorded: dict[str, Any]) -> None:
    weighted(losses(model, recorded), WEIGHTS[CIRR]).backward()
    parameters = dict(model.named_parameters())
    full = {
        name.removeprefix("grad__"): value
        for name, value in arrays(TINY_A / "grads.npz").items()
        if name.startswith("grad__")
    }
    assert len(full) == 9
    for name, value in full.items():
        gradient = parameters[name].grad
        assert gradient is not None, name
        scale = max(1.0, float(value.abs().max()))
        assert difference(gradient, value) < 2e-5 * scale, name


def test_four_optimiser_steps(model: Blip2QformerCirAlignPrompt, recorded: dict[str, Any]) -> None:
    steps = json.loads((TINY_A / "train_steps.json").read_text())["steps"]
    peak = 1e-3
    optimizer = build_optimizer(model.parameters(), peak)
    scheduler = build_scheduler(optimizer, cirr_schedule(50), learning_rate=peak, steps_per_epoch=1)
    assert len(steps) == 4
    for step in steps:
        group = optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(step["lr"], rel=1e-9)
        assert group["betas"][0] == pytest.approx(step["beta1"], rel=1e-9)
        parts = losses(model, recorded)
        loss = weighted(parts, WEIGHTS[CIRR])
        assert float(loss) == pytest.approx(step["loss"], abs=AFTER_STEPS)
        for name in ("itc", "rtc", "align"):
            value = float(getattr(parts, name))
            assert value == pytest.approx(step[f"loss_{name}"], abs=AFTER_STEPS), name
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
