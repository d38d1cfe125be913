"""Joined captions against those of the published code."""

import json
import random
from collections import Counter
from pathlib import Path

from retrieval.preprocess.text import process_text
from sprc.captions import training_caption, training_captions, validation_caption

RECORDED = Path(__file__).parents[1] / "parity" / "metrics" / "fiq_train_captions.json"


def test_training_captions_equal_the_published_ones_under_a_seed() -> None:
    recorded = json.loads(RECORDED.read_text())
    flat = recorded["flattened"]
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    texts = training_captions(pairs, random.Random(0))
    assert texts == recorded["out"]
    assert [process_text(text) for text in texts] == recorded["processed"]


def test_each_combination_is_a_quarter() -> None:
    rng = random.Random(1)
    counts = Counter(training_caption(("is red.", "has stars"), rng) for _ in range(4000))
    assert set(counts) == {"Is red and has stars", "Has stars and is red", "Is red", "Has stars"}
    assert all(900 < count < 1100 for count in counts.values())


def test_validation_joins_both_in_order() -> None:
    assert validation_caption(("Is Red, ", " has stars?")) == "Is red and has stars"
    assert process_text(validation_caption(("", ".,"))) == "and"


def test_a_single_caption_stands_as_it_is_and_draws_nothing() -> None:
    rng = random.Random(2)
    before = rng.getstate()
    assert training_caption(("Show it, twice.",), rng) == "Show it, twice."
    assert validation_caption(("Show it, twice.",)) == "Show it, twice."
    assert rng.getstate() == before
