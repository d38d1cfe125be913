"""The optimiser's steps against those that the published code took."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sprc.checkpoint import load_model
from sprc.schedule import build_optimizer, build_scheduler, cirr_schedule
from sprc.training.objective import Objective, freeze_encoder
from sprc.training.processes import Processes
from sprc.training.recipe import Dataset, load_recipe, published_recipe
from tests.training.given_features import GivenFeatures, given_pairs
from tests.training.tiny import tiny_model

PARITY = Path(__file__).parents[1] / "parity"
TINY = PARITY / "tiny_a"
ALONE = Processes(0, 1, torch.device("cpu"))


def test_four_steps_of_the_published_cirr_recipe() -> None:
    recorded = json.loads((TINY / "train_steps.json").read_text())["steps"]
    batch = json.loads((TINY / "losses.json").read_text())
    recipe, _ = load_recipe(published_recipe("CIRR"), {})
    model = load_model(TINY / "ckpt.pt")
    freeze_encoder(model)
    pixels = torch.from_numpy(np.load(PARITY / "transform_targetpad.npz")["images"])
    with torch.no_grad():
        features = model.visual_encoder(pixels)
    tokens = np.load(PARITY / "tokens.npz")
    inputs = (
        GivenFeatures(),
        given_pairs(features[batch["image_index"]], features[batch["target_index"]]),
        torch.from_numpy(tokens["input_ids"][batch["text_index"]]),
        torch.from_numpy(tokens["attention_mask"][batch["text_index"]]),
    )
    objective = Objective(model, ALONE, recipe)
    optimizer = build_optimizer(model.parameters(), 1e-3)
    scheduler = build_scheduler(optimizer, cirr_schedule(50), learning_rate=1e-3, steps_per_epoch=1)
    for step in recorded:
        group = optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(step["lr"], rel=1e-12)
        assert group["betas"] == pytest.approx((step["beta1"], 0.98), rel=1e-12)
        losses = objective(*inputs)
        loss = (losses * objective.weights).sum()
        expected = [step["loss_itc"], step["loss_rtc"], step["loss_align"], step["loss"]]
        actual = [*losses.tolist(), float(loss.detach())]
        assert actual == pytest.approx(expected, rel=1e-5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()


def test_published_numbers() -> None:
    cirr, _ = load_recipe(published_recipe("CIRR"), {})
    fashioniq, ignored = load_recipe(published_recipe("FashionIQ"), {"loss_rtc": 0.4})
    assert ignored == ["loss_rtc"]
    assert weights("CIRR") == pytest.approx({"loss_itc": 1.0, "loss_rtc": 0.4, "loss_align": 0.4})
    assert weights("FashionIQ") == {"loss_itc": 1.0, "loss_rtc": 1.0, "loss_align": 1.0}
    assert (cirr.num_epochs, cirr.learning_rate, cirr.batch_size) == (50, 1e-5, 128)
    assert (fashioniq.num_epochs, fashioniq.learning_rate, fashioniq.batch_size) == (30, 2e-5, 128)
    assert (cirr.first_best_epoch, fashioniq.first_best_epoch) == (19, 0)
    short, _ = load_recipe(published_recipe("CIRR"), {"num_epochs": 3})
    assert short.first_best_epoch == 2


def weights(dataset: Dataset) -> dict[str, float]:
    recipe, _ = load_recipe(published_recipe(dataset), {})
    objective = Objective(tiny_model(), ALONE, recipe)
    return dict(zip(objective.names, objective.weights.tolist(), strict=True))
