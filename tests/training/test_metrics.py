"""Published metrics on recorded similarities, and their rules on small rankings."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sprc.datasets.pictures import FolderPictures
from sprc.datasets.records import EvaluationSet, Protocol, Query
from sprc.metrics import (
    CIRR_BEST,
    FASHIONIQ_BEST,
    BestCheckpoint,
    cirr_metrics,
    evaluate_cirr,
    evaluate_fashioniq,
    fashioniq_metrics,
)
from sprc.ranks import (
    NOT_RANKED,
    rank_gallery,
    recall_at,
    recall_curve,
    subset_ranks,
    target_ranks,
)

METRICS = Path(__file__).parents[1] / "parity" / "metrics"


def recorded_set(file: str, protocol: Protocol) -> tuple[EvaluationSet, torch.Tensor]:
    arrays = np.load(METRICS / file)
    count = len(arrays["sim"])
    members = arrays["group_members"].tolist() if "group_members" in arrays else [()] * count
    queries = tuple(
        Query(str(i), str(reference), str(target), ("",), tuple(subset))
        for i, (reference, target, subset) in enumerate(
            zip(arrays["reference_names"], arrays["target_names"], members, strict=True)
        )
    )
    gallery = tuple(arrays["index_names"].tolist())
    evaluation = EvaluationSet("dress", protocol, queries, gallery, FolderPictures(Path()))
    return evaluation, torch.from_numpy(arrays["sim"])


def test_fashioniq_figures_equal_the_published_code() -> None:
    evaluation, similarity = recorded_set("fiq_dress.npz", Protocol.ORIGINAL_SPLIT)
    result = evaluate_fashioniq([(evaluation, rank_gallery(similarity))])
    recorded = json.loads((METRICS / "fiq_result.json").read_text())
    assert {name: result.figures[name] for name in recorded} == recorded
    assert result.figures["average_recall_at10"] == recorded["dress_recall_at10"]
    assert result.protocol is Protocol.ORIGINAL_SPLIT
    assert recall_at(result.ranks["dress"], 10) == recorded["dress_recall_at10"]


def test_cirr_figures_equal_the_published_code() -> None:
    evaluation, similarity = recorded_set("cirr.npz", Protocol.CIRR)
    result = evaluate_cirr(evaluation, rank_gallery(similarity))
    assert result.figures == json.loads((METRICS / "cirr_result.json").read_text())


def test_a_cut_ranking_gives_the_same_recall() -> None:
    evaluation, similarity = recorded_set("fiq_dress.npz", Protocol.ORIGINAL_SPLIT)
    ranking = rank_gallery(similarity)
    whole = evaluate_fashioniq([(evaluation, ranking)])
    cut = evaluate_fashioniq([(evaluation, ranking[:, :50])])
    assert cut.figures == whole.figures
    assert (cut.ranks["dress"] == NOT_RANKED).any()


def test_protocols_do_not_mix() -> None:
    evaluation, similarity = recorded_set("fiq_dress.npz", Protocol.ORIGINAL_SPLIT)
    other, _ = recorded_set("fiq_dress.npz", Protocol.VAL_SPLIT)
    ranking = rank_gallery(similarity)
    with pytest.raises(ValueError, match="one protocol"):
        evaluate_fashioniq([(evaluation, ranking), (other, ranking)])
    with pytest.raises(ValueError, match="one protocol"):
        evaluate_fashioniq([])


def test_a_removed_reference_moves_only_what_was_behind_it() -> None:
    ranking = torch.tensor([[2, 0, 1, 3], [2, 0, 1, 3], [2, 0, 1, 3]])
    targets, references = torch.tensor([1, 0, 3]), torch.tensor([2, 1, 2])
    assert target_ranks(ranking, targets).tolist() == [2, 1, 3]
    assert target_ranks(ranking, targets, references).tolist() == [1, 1, 2]
    cut = target_ranks(ranking[:, :2], targets, references)
    assert cut.tolist() == [NOT_RANKED, 1, NOT_RANKED]
    with pytest.raises(ValueError, match="own reference"):
        target_ranks(ranking, targets, targets)


def test_subset_ranks_count_the_members_ahead_without_the_reference() -> None:
    ranking = torch.tensor([[5, 4, 3, 2, 1, 0]])
    arguments = (torch.tensor([1]), torch.tensor([4]), torch.tensor([[1, 3, 4]]))
    assert subset_ranks(ranking, *arguments).tolist() == [1]
    with pytest.raises(ValueError, match="whole gallery"):
        subset_ranks(ranking[:, :3], *arguments)
    with pytest.raises(ValueError, match="not among the members"):
        subset_ranks(ranking, torch.tensor([2]), *arguments[1:])


def test_rankings_are_in_float32_and_refuse_what_is_not_finite() -> None:
    similarity = torch.tensor([[0.1, 0.9, 0.5]], dtype=torch.float16)
    assert rank_gallery(similarity).tolist() == [[1, 2, 0]]
    with pytest.raises(ValueError, match="finite"):
        rank_gallery(torch.tensor([[0.1, torch.nan]]))


def test_recall_over_k_rises_to_all() -> None:
    curve = recall_curve(torch.tensor([0, 3, 3, 9]), [1, 4, 10])
    assert curve == {1: 25.0, 4: 75.0, 10: 100.0}
    with pytest.raises(ValueError, match="no queries"):
        recall_at(torch.empty(0), 1)


def test_averages_over_categories_of_any_name() -> None:
    figures = fashioniq_metrics({"lamp": torch.tensor([0, 20]), "sofa": torch.tensor([60, 70])})
    assert figures == {
        "lamp_recall_at10": 50.0,
        "lamp_recall_at50": 100.0,
        "sofa_recall_at10": 0.0,
        "sofa_recall_at50": 0.0,
        "average_recall_at10": 25.0,
        "average_recall_at50": 50.0,
        "average_recall": 37.5,
    }


def test_a_recall_of_zero_ends_no_validation() -> None:
    figures = cirr_metrics(torch.tensor([7, 7]), torch.tensor([0, 1]))
    assert figures["recall_at1"] == figures["geometric_mean"] == figures["harmonic_mean"] == 0
    assert figures["arithmetic_mean"] == pytest.approx((50 + 100 + 100 + 100 + 100) / 7)


@pytest.mark.parametrize("metric", [FASHIONIQ_BEST, CIRR_BEST])
def test_the_best_checkpoint_is_strictly_better(metric: str) -> None:
    best = BestCheckpoint(metric)
    assert [
        best.improves({metric: value, "other": 99.0}) for value in (0.0, 3.0, 3.0, 2.0, 4.0)
    ] == [
        False,
        True,
        False,
        False,
        True,
    ]
    assert best.value == 4.0
