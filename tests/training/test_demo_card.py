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
        f"{name}_{figure}": 10.0 * place + value
        for place, name in enumerate(sets)
        for figure, value in {
            "recall_at1": 1, "recall_at10": 10, "precision_at10": 3, "possible_at10": 8,
        }.items()
    }  # fmt: skip
    sources = ("composed", "image_only", "text_only", "sum")
    found: dict[str, Any] = {"sets": sets, "figures": dict.fromkeys(sources, figures)}
    found["token_cosine"] = {name: 0.7 + place / 10 for place, name in enumerate(sets)}
    found["figures"] |= {"mean": {name: value - 0.5 for name, value in figures.items()}}
    return {"protocols": {"any-right": found}}


def test_questions_count_alike() -> None:
    found = evaluation(SETS)["protocols"]["any-right"]
    counts = {"one-change": 300, "two-changes": 100}
    assert figure(found, "composed", "recall_at1", counts) == 3.5


def test_the_table_has_a_row_for_each_set_and_one_for_all_changes() -> None:
    bundle = load_bundle(MODELS)
    more = {"details": {"queries": 100}, "new-words": {"queries": 7}}
    two = {"other-words": {"queries": 7}, "descriptions": {"queries": 1200}}
    table = measured(bundle, [evaluation(SETS | more), evaluation(two)])
    assert f"`{bundle.name}` {bundle.short_digest}" in table
    assert "| one change | 300 | 1.0 / 10.0 | 1.0 / 10.0 | 1.0 / 10.0 | 1.0 / 10.0 |" in table
    assert "| **all changes** | 600 | 9.3 / 18.3 |" in table
    assert "| descriptions | 1,200 | 11.0 / 20.0 |" in table
    assert "| details | 100 | 31.0 / 40.0 |" in table
    assert table.count("**all changes**") == 1
    assert "Photos" not in table


def test_photos_are_a_table_of_their_own() -> None:
    sets = {"photos-edits": {"queries": 40}, "photos-images": {"queries": 20}}
    table = measured(load_bundle(MODELS), [evaluation(SETS), evaluation(sets)])
    drawn, photos = table.split("Photos,")
    assert "label" not in drawn
    assert "| edits: label and color as asked | 40 | 3.0 | 3.0 | 3.0 | 3.0 | 8.0 |" in photos
    assert "| picture alone: the same label | 20 | 13.0 | 13.0 | 13.0 | 13.0 | 18.0 |" in photos


def test_what_tokens_are_worth_is_said() -> None:
    sets = SETS | {"descriptions": {"queries": 5}}
    table = measured(load_bundle(MODELS), [evaluation(sets)])
    assert "a cosine of 0.80 on average" in table
    assert "R@1 of all changes is 9.3, by their mean 8.8" in table
    assert "cosine" not in measured(
        load_bundle(MODELS), [evaluation({"descriptions": {"queries": 5}})]
    )


def test_only_what_was_measured_is_replaced() -> None:
    card = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = replace_measured(card, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace_measured(once, "new") == once
    with pytest.raises(ValueError, match="no place"):
        replace_measured("a card", "new")
