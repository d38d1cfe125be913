"""The model against tensors that the published code computed on a small random checkpoint."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sprc.checkpoint import load_model, load_state
from sprc.model import Blip2QformerCirAlignPrompt, max_sim

PARITY = Path(__file__).parents[1] / "parity"
TINY = PARITY / "tiny_a"
ATOL = 1e-5


@pytest.fixture(scope="module")
def model() -> Blip2QformerCirAlignPrompt:
    return load_model(TINY / "ckpt.pt")


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return dict(np.load(TINY / "inference.npz"))


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    return dict(np.load(TINY / "target_features.npz"))


@pytest.fixture(scope="module")
def queries(
    recorded: dict[str, np.ndarray], features: dict[str, np.ndarray]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Frozen embeds of each query's reference, and its token ids and mask."""
    tokens = np.load(PARITY / "tokens.npz")
    text = recorded["text_index"]
    return (
        torch.from_numpy(features["image_embeds_frozen"][recorded["reference_index"]]),
        torch.from_numpy(tokens["input_ids"][text]),
        torch.from_numpy(tokens["attention_mask"][text]),
    )


def difference(actual: torch.Tensor, expected: np.ndarray) -> float:
    assert tuple(actual.shape) == expected.shape
    return float((actual.detach() - torch.from_numpy(expected)).abs().max())


def test_state_dict_has_the_published_names_shapes_and_nothing_else(
    model: Blip2QformerCirAlignPrompt,
) -> None:
    listed = {}
    for line in (TINY / "keys.txt").read_text().splitlines():
        name, shape, _ = line.split("\t")
        listed[name] = tuple(int(part) for part in shape.strip("()").split(",") if part.strip())
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == listed


def test_checkpoint_keeps_float16_as_stored() -> None:
    state = load_state(TINY / "ckpt.pt")
    assert state["visual_encoder.blocks.0.attn.qkv.weight"].dtype == torch.float16
    assert state["ln_vision.weight"].dtype == torch.float32


@torch.inference_mode()
def test_image_features(
    model: Blip2QformerCirAlignPrompt,
    recorded: dict[str, np.ndarray],
    features: dict[str, np.ndarray],
) -> None:
    pixels = torch.from_numpy(np.load(PARITY / "transform_targetpad.npz")["images"])
    raw = model.visual_encoder(pixels[:2])
    assert difference(raw, recorded["vit_out_before_ln_vision_first2"]) < ATOL
    embeds = model.embed_image(pixels)
    assert difference(embeds, features["image_embeds_frozen"]) < ATOL
    assert difference(model.image_tokens(embeds), features["target_feats"]) < ATOL


@torch.inference_mode()
def test_composed_query_is_two_passes(
    model: Blip2QformerCirAlignPrompt,
    recorded: dict[str, np.ndarray],
    features: dict[str, np.ndarray],
    queries: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    hidden = model.first_pass(*queries)
    assert difference(hidden[:, :32], recorded["first_pass_queries"]) < ATOL
    assert difference(hidden[:, 32], recorded["first_pass_cls"]) < ATOL
    composed = model.compose(*queries)
    assert difference(composed, recorded["fusion_feats"]) < ATOL
    targets = torch.from_numpy(features["target_feats"])
    assert difference(max_sim(composed, targets), recorded["sim"]) < ATOL
    wrong = [name for name in recorded if name.startswith("WRONG_")]
    assert len(wrong) == 2
    for name in wrong:
        assert difference(composed, recorded[name]) > 0.1, name


@torch.inference_mode()
def test_text_only_query_has_prompts_behind_cls(
    model: Blip2QformerCirAlignPrompt,
    recorded: dict[str, np.ndarray],
    queries: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    text_only = model.embed_text(queries[1], queries[2])
    assert difference(text_only, recorded["text_only_feat_no_img"]) < ATOL


def test_losses_and_gradients(
    model: Blip2QformerCirAlignPrompt, features: dict[str, np.ndarray]
) -> None:
    recorded = json.loads((TINY / "losses.json").read_text())
    grads = np.load(TINY / "grads.npz")
    tokens = np.load(PARITY / "tokens.npz")
    pixels = torch.from_numpy(np.load(PARITY / "transform_targetpad.npz")["images"])
    # Through ln_vision, which SPRC trains.
    embeds = model.embed_image(pixels)
    losses = model.losses(
        embeds[recorded["image_index"]],
        embeds[recorded["target_index"]],
        torch.from_numpy(tokens["input_ids"][recorded["text_index"]]),
        torch.from_numpy(tokens["attention_mask"][recorded["text_index"]]),
    )
    for name in ("itc", "rtc", "align"):
        value = float(getattr(losses, name).detach())
        assert value == pytest.approx(recorded[f"loss_{name}"]["value"], abs=2e-6), name
    model.zero_grad()
    (losses.itc + 0.4 * losses.rtc + 0.4 * losses.align).backward()
    total = "sum_cirr_defaults_rtc0p4_align0p4"
    norms = dict(zip(grads[f"{total}__names"], grads[f"{total}__norms"], strict=True))
    parameters = dict(model.named_parameters())
    for name, norm in norms.items():
        grad = parameters[str(name)].grad
        actual = 0.0 if grad is None else float(grad.norm())
        assert actual == pytest.approx(float(norm), rel=1e-4, abs=1e-5), name
    model.zero_grad()
