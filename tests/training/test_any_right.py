"""Our own protocol: any right picture counts, and the reference is left out."""

import json
from pathlib import Path

import pytest
import torch

from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.pictures import FolderPictures
from sprc.datasets.records import DataError, EvaluationSet, Protocol, Query
from sprc.evaluate import main
from sprc.evaluation.outcome import Outcome, evaluate_ranking
from sprc.evaluation.scores import Source
from sprc.ranks import NOT_RANKED, best_ranks, right_within
from tests.training.small_run import CHECKPOINT, PARITY
from tests.training.synthetic import write_fashioniq

PICTURES = FolderPictures(PARITY)
WEIGHTS = ("--model-path", str(CHECKPOINT), "--tokenizer", str(PARITY / "vocab.txt"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two categories; one of them lists alternatives for one of its queries."""
    root = tmp_path / "data"
    write_fashioniq(root, ("coat", "hat"), gallery=13, queries=3)
    list_alternatives(root, ["Bcoatval7", "Bcoatval9"])
    return root


def list_alternatives(root: Path, names: object) -> None:
    path = root / "captions" / "cap.coat.val.json"
    records = json.loads(path.read_text())
    records[1]["alternatives"] = names
    path.write_text(json.dumps(records))


def evaluate(data: Path, output: Path, *more: str) -> int:
    flags = ("--dataset", "FashionIQ", "--data-path", str(data), "--num-workers", "0")
    return main([*flags, "--output", str(output), *WEIGHTS, *more])


def test_the_best_placed_right_picture_counts_and_the_reference_takes_no_place() -> None:
    ranking = torch.tensor([[4, 0, 3, 1, 2], [0, 1, 2, 3, 4], [2, 4, 1, -1, -1]])
    ranks = best_ranks(ranking, [[2, 1], [3], [0, 3]], torch.tensor([4, 0, 2]))
    assert ranks.tolist() == [2, 2, NOT_RANKED]


def test_how_many_of_the_first_are_right_without_the_reference() -> None:
    ranking = torch.tensor([[4, 0, 3, 1, 2], [0, 1, 2, 3, 4], [2, 4, 1, -1, -1]])
    right = [[2, 1], [0, 1, 3], [0, 3]]
    removed = torch.tensor([4, 2, 2])
    assert right_within(ranking, right, removed, 2).tolist() == [0, 2, 0]
    assert right_within(ranking, right, removed, 3).tolist() == [1, 3, 0]
    assert right_within(ranking, right, removed, 10).tolist() == [2, 3, 0]
    # Against counting by hand, on rankings drawn at random.
    generator = torch.Generator().manual_seed(5)
    ranking = torch.stack([torch.randperm(40, generator=generator) for _ in range(30)])
    removed = ranking[torch.arange(30), torch.randint(40, (30,), generator=generator)]
    right = [row[5:17] for row in torch.argsort(ranking).tolist()]
    expected = []
    for row, answers, without in zip(ranking.tolist(), right, removed.tolist(), strict=True):
        kept = [place for place in row if place != without][:10]
        expected.append(sum(place in answers for place in kept))
    assert right_within(ranking, right, removed, 10).tolist() == expected


def test_precision_and_what_is_possible() -> None:
    names = tuple("abcdefghijklmnopqrst")
    many = tuple(names[2:14])
    queries = (
        Query("q0", "a", "b", ("x",)),
        Query("q1", "b", "c", ("x",), alternatives=many[1:]),
    )
    found = EvaluationSet("coat", Protocol.ANY_RIGHT, queries, names, PICTURES)
    outcome = Outcome(Protocol.ANY_RIGHT)
    falling = torch.arange(20, 0, -1).float().expand(2, 20)
    outcome.add(found, {Source.COMPOSED: falling})
    figures = outcome.evaluation(Source.COMPOSED).figures
    # One right of ten, the only one there is; and all but the first of ten, "a".
    assert figures["coat_precision_at10"] == pytest.approx((10 + 90) / 2)
    assert figures["average_possible_at10"] == pytest.approx((10 + 100) / 2)


def test_figures_of_a_set() -> None:
    queries = (
        Query("q0", "a", "b", ("x",), alternatives=("c",)),
        Query("q1", "b", "c", ("x",)),
    )
    found = EvaluationSet("coat", Protocol.ANY_RIGHT, queries, ("a", "b", "c", "d"), PICTURES)
    similarity = torch.tensor([[0.9, 0.1, 0.8, 0.2], [0.1, 0.9, 0.2, 0.8]])
    outcome = Outcome(Protocol.ANY_RIGHT)
    outcome.add(found, {Source.COMPOSED: similarity})
    figures = outcome.evaluation(Source.COMPOSED).figures
    assert figures["coat_recall_at1"] == figures["average_recall_at1"] == 50.0
    assert figures["average_recall_at5"] == 100.0
    assert outcome.details[0].top == [[2, 3, 1], [3, 2, 0]]
    assert outcome.details[0].reference_ranks.tolist() == [NOT_RANKED] * 2
    ranking = torch.argsort(-similarity)
    assert evaluate_ranking(found, ranking).ranks["coat"].tolist() == [0, 1]


def test_the_command_evaluates_by_it_where_alternatives_are_listed(
    data: Path, tmp_path: Path
) -> None:
    assert evaluate(data, tmp_path / "all.json", "--baselines") == 0
    document = json.loads((tmp_path / "all.json").read_text())
    assert list(document["protocols"]) == ["original-split", "any-right", "val-split"]
    own = document["protocols"]["any-right"]["figures"]
    assert set(own) == {"composed", "image_only", "text_only", "sum", "mean"}
    assert set(own["composed"]) == {
        f"{name}_{figure}"
        for name in ("coat", "hat", "average")
        for figure in (
            *(f"recall_at{k}" for k in (1, 5, 10, 50)),
            "precision_at10",
            "possible_at10",
        )
    }
    published = document["protocols"]["original-split"]["figures"]["composed"]
    assert own["composed"]["coat_recall_at10"] >= published["coat_recall_at10"]
    assert document["average_recall"] == published["average_recall"], "ours is never the headline"


def test_without_alternatives_there_is_nothing_to_evaluate_by_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    list_alternatives(data, [])
    assert FashionIq.open(data).protocols == (Protocol.ORIGINAL_SPLIT, Protocol.VAL_SPLIT)
    assert evaluate(data, tmp_path / "out.json", "--protocol", "any-right") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("lists alternatives, as any-right needs")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [("Bcoatval7", "has no list of texts 'alternatives'"), (["Bhatval1"], "not listed in")],
)
def test_alternatives_that_make_no_sense_are_named(
    data: Path, names: object, sentence: str
) -> None:
    list_alternatives(data, names)
    with pytest.raises(DataError, match=sentence):
        FashionIq.open(data).evaluation(Protocol.ANY_RIGHT)
