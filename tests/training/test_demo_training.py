"""A few steps of the demo's recipe: families are repeatable, losses fall, NaN stops it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from sprc.demo.evaluate import evaluate, make_benchmark, recalls
from sprc.demo.pictures import Families, draw_families, load_or_draw
from sprc.demo.plan import Plan, Stage
from sprc.demo.train import Trainer, TrainingError
from sprc.demo.vocabulary import build_vocabulary
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from tests.training.tiny import tiny_config

PLAN = Plan(
    encoder=Stage(50, 6, 4e-3, warmup=2),
    queries=Stage(50, 6, 4e-3, warmup=2),
    joint=Stage(50, 6, 1e-3, warmup=2),
    views=2,
)


@pytest.fixture(scope="module")
def families() -> Families:
    return draw_families(seed=91, count=12, size=3, side=32, workers=1)


@pytest.fixture(scope="module")
def vocabulary() -> list[str]:
    return build_vocabulary(samples=4000)


def trainer(families: Families, vocabulary: list[str]) -> Trainer:
    config = replace(tiny_config(len(vocabulary)), text_length=32)
    model = Blip2QformerCirAlignPrompt(config)
    initialise(model, 1)
    tokenizer = Tokenizer(bert_tokenizer(vocabulary[:-1]), config.text_length)
    return Trainer(model, families, tokenizer, PLAN)


def test_families_depend_on_the_seed_alone(families: Families, tmp_path: Path) -> None:
    path = tmp_path / "families.npz"
    drawn = load_or_draw(path, seed=91, count=2, size=3, side=32)
    kept = load_or_draw(path, seed=91, count=2, size=3, side=32)
    for again in (drawn, kept):
        assert again.garments == families.garments[:6]
        np.testing.assert_array_equal(again.pixels, families.pixels[:6])
    other = load_or_draw(path, seed=92, count=2, size=3, side=32)
    assert other.garments != drawn.garments


def test_every_stage_lowers_its_loss(families: Families, vocabulary: list[str]) -> None:
    training = trainer(families, vocabulary)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    for stage, key in (
        (training.learn_attributes, "attributes"),
        (training.learn_queries, "heads"),
        (training.learn_jointly, "heads"),
    ):
        training.history.clear()
        stage()
        losses = [row[key] for row in training.history]
        assert losses[-1] < losses[0], (stage, losses)
    for name in ("query_tokens", "prompt_tokens", "temp", "visual_encoder.pos_embed"):
        assert not torch.equal(before[name], training.model.state_dict()[name]), name


def test_a_loss_that_is_not_finite_stops_training(
    families: Families, vocabulary: list[str]
) -> None:
    training = trainer(families, vocabulary)
    with torch.no_grad():
        training.model.visual_encoder.pos_embed.fill_(float("nan"))
    with pytest.raises(TrainingError, match="encoder: the loss is nan at step 1"):
        training.learn_attributes()


def test_a_stage_is_taken_up_as_it_was_left(
    families: Families, vocabulary: list[str], tmp_path: Path
) -> None:
    left = trainer(families, vocabulary)
    initialise(left.model, 9)
    left.save(tmp_path / "stage-1.pt", 1)
    taken = trainer(families, vocabulary)
    taken.load(tmp_path / "stage-1.pt")
    for name, value in left.model.state_dict().items():
        assert torch.equal(value, taken.model.state_dict()[name]), name


def test_recall_counts_any_satisfying_item() -> None:
    scores = torch.zeros(2, 60)
    scores[0, 7], scores[1, :9] = 1.0, torch.arange(9, 0, -1).float()
    right = torch.zeros(2, 60, dtype=torch.bool)
    right[0, [7, 30]], right[1, 8] = True, True
    assert recalls(scores, right) == {1: 50.0, 5: 50.0, 10: 100.0, 50: 100.0}


def test_benchmark_leaves_no_query_without_an_answer(
    families: Families, vocabulary: list[str]
) -> None:
    pairs = draw_families(seed=93, count=40, size=2, side=32, workers=1)
    training = trainer(families, vocabulary)
    figures = evaluate(training.model, make_benchmark(pairs, 93), training.tokenizer)
    assert figures["gallery"] == 80
    assert figures["queries"] >= 76
    assert 0 <= figures["composed_recall_at1"] <= figures["composed_recall_at10"] <= 100
