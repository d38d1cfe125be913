"""The bundle in models/: whole, small, and the same numbers as its PyTorch checkpoint."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from demo_catalog.draw import draw
from demo_catalog.garments import Garment
from demo_data.card import BEGIN, END, PROTOCOL, SOURCES
from retrieval.bundle import GRAPHS, Bundle, load_bundle
from retrieval.preprocess.targetpad import targetpad
from retrieval.preprocess.text import Tokenizer
from sprc.checkpoint import load_model, read_target_ratio

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(MODELS, verify=True)


def session(graph: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(MODELS / graph / "1" / "model.onnx")


def test_bundle_is_whole_and_small(bundle: Bundle) -> None:
    assert bundle.precision == "float16"
    assert sum((MODELS / g / "1" / "model.onnx").stat().st_size for g in GRAPHS) < 16_000_000
    assert (MODELS / "checkpoint.pt").stat().st_size < 8 * 2**20
    assert read_target_ratio(MODELS / "checkpoint.pt") == bundle.preprocess.target_ratio
    folders = {path.name for path in MODELS.iterdir() if path.is_dir()}
    assert folders == set(bundle.models), "Triton takes every folder for a model"


def test_figures_reach_what_is_promised(bundle: Bundle) -> None:
    held_out = bundle.metrics["any-right"]
    composed = held_out["composed"]
    assert composed["average_recall_at1"] >= 78
    assert composed["average_recall_at10"] >= 97
    for other in ("image_only", "text_only", "sum"):
        assert held_out[other]["average_recall_at1"] < composed["average_recall_at1"]


def test_the_card_says_what_was_measured(bundle: Bundle) -> None:
    card = (MODELS / "README.md").read_text()
    table = card.partition(BEGIN)[2].partition(END)[0]
    assert f"`{bundle.name}` {bundle.short_digest}" in table
    for name in ("one-change", "two-changes", "three-changes"):
        line = next(row for row in table.splitlines() if name.replace("-", " ") in row)
        for source in SOURCES:
            figures = bundle.metrics[PROTOCOL][source]
            first, tenth = (figures[f"{name}_recall_at{k}"] for k in (1, 10))
            assert f"| {first:.1f} / {tenth:.1f} |" in line


@torch.inference_mode()
def test_graphs_equal_the_checkpoint_on_a_drawn_garment(bundle: Bundle) -> None:
    model = load_model(MODELS / "checkpoint.pt")
    picture = draw(Garment("t-shirt", "red", sleeve="short"), np.random.default_rng(3))
    pixels = targetpad(picture, size=bundle.sizes.image_size)[None]
    tokenizer = Tokenizer.from_file(MODELS / "tokenizer.json", bundle.sizes.text_length)
    ids, mask = tokenizer.encode_batch(["the same in black with long sleeves"])
    text = {"input_ids": ids, "attention_mask": mask}

    embeds, tokens = session("image_encoder").run(None, {"pixel_values": pixels})
    expected = model.embed_image(torch.from_numpy(pixels))
    np.testing.assert_allclose(embeds, expected.numpy(), atol=5e-3, rtol=2e-3)
    np.testing.assert_allclose(tokens, model.image_tokens(expected).numpy(), atol=2e-5)
    composed = session("fusion_encoder").run(None, {"image_embeds": embeds, **text})[0]
    words = {name: torch.from_numpy(value) for name, value in text.items()}
    theirs = model.compose(torch.from_numpy(embeds).float(), **words)
    np.testing.assert_allclose(composed, theirs.numpy(), atol=2e-5)
    alone = session("text_encoder").run(None, text)[0]
    np.testing.assert_allclose(alone, model.embed_text(**words).numpy(), atol=2e-5)
    assert np.linalg.norm(composed) == pytest.approx(1, abs=1e-5)
