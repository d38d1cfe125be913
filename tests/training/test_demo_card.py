"""The table of the demo model's card: figures of several sets, each question counting alike."""

from typing import Any

import pytest

from demo_data.card import BEGIN, END, figure, measured, replace_measured
from retrieval.bundle import load_bundle
from tests.training.test_committed_model import MODELS

SETS = {
    "one-change": {"queries": 300},
    "two-changes": {"queries": 100},
    "three-changes": {"queries": 200},
}


def evaluation(sets: dict[str, Any]) -> dict[str, Any]:
    figures = {
        f"{name}_recall_at{k}": float(10 * place + k)
        for place, name in enumerate(sets)
        for k in (1, 10)
    }
    sources = ("composed", "image_only", "text_only", "sum")
    found = {"sets": sets, "figures": dict.fromkeys(sources, figures)}
    return {"protocols": {"any-right": found}}


def test_questions_count_alike() -> None:
    found = evaluation(SETS)["protocols"]["any-right"]
    assert figure(found, "composed", 1, {"one-change": 300, "two-changes": 100}) == 3.5


def test_the_table_has_a_row_for_each_set_and_one_for_all() -> None:
    bundle = load_bundle(MODELS)
    two = {"other-words": {"queries": 7}, "descriptions": {"queries": 1200}}
    table = measured(bundle, [evaluation(SETS), evaluation(two)])
    assert f"`{bundle.name}` {bundle.short_digest}" in table
    assert "| one change | 300 | 1.0 / 10.0 | 1.0 / 10.0 | 1.0 / 10.0 | 1.0 / 10.0 |" in table
    assert "| **all of these** | 600 | 9.3 / 18.3 |" in table
    assert "| descriptions | 1,200 | 11.0 / 20.0 |" in table
    assert table.count("all of these") == 1


def test_only_what_was_measured_is_replaced() -> None:
    card = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = replace_measured(card, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace_measured(once, "new") == once
    with pytest.raises(ValueError, match="no place"):
        replace_measured("a card", "new")
