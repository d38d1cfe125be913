"""CIRR's test files, byte for byte, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sprc import submission
from sprc.datasets.pictures import FolderPictures
from sprc.datasets.records import EvaluationSet, Protocol, Query
from sprc.submission import (
    SubmissionError,
    check_submissions,
    make_submissions,
    write_submissions,
)

METRICS = Path(__file__).parents[1] / "parity" / "metrics"
NAME = "blip2_cir_align_prompt_2"


@pytest.fixture(scope="module")
def recorded() -> tuple[EvaluationSet, torch.Tensor]:
    arrays = np.load(METRICS / "cirr_test_input.npz")
    queries = tuple(
        Query(str(pair), str(reference), None, (str(text),), tuple(members))
        for pair, reference, text, members in zip(
            arrays["pairid"],
            arrays["reference_names"],
            arrays["captions_processed"],
            arrays["group_members"].tolist(),
            strict=True,
        )
    )
    gallery = tuple(arrays["index_names"].tolist())
    evaluation = EvaluationSet("test1", Protocol.CIRR, queries, gallery, FolderPictures(Path()))
    return evaluation, torch.from_numpy(arrays["sim"])


def test_files_equal_the_published_code(
    recorded: tuple[EvaluationSet, torch.Tensor], tmp_path: Path
) -> None:
    written = write_submissions(make_submissions(*recorded), tmp_path / "new", NAME)
    assert len(list((tmp_path / "new").iterdir())) == 2
    for path, metric in zip(written, ("recall", "recall_subset"), strict=True):
        assert path.name == f"{metric}_submission_{NAME}.json"
        assert path.read_bytes() == (METRICS / path.name).read_bytes()


@pytest.mark.parametrize("count", [1, 32, 33])
def test_any_number_of_queries(
    recorded: tuple[EvaluationSet, torch.Tensor], tmp_path: Path, count: int
) -> None:
    evaluation, similarity = recorded
    few = replace(evaluation, queries=evaluation.queries[:count])
    made = make_submissions(few, similarity[:count])
    whole = make_submissions(evaluation, similarity)
    assert made.recall == {query.id: whole.recall[query.id] for query in few.queries}
    path, _ = write_submissions(made, tmp_path, "few")
    document = json.loads(path.read_text())
    assert document.pop("version") == "rc2"
    assert document.pop("metric") == "recall"
    assert document == made.recall


def test_similarities_of_other_queries_are_refused(
    recorded: tuple[EvaluationSet, torch.Tensor],
) -> None:
    evaluation, similarity = recorded
    with pytest.raises(SubmissionError, match=r"\(44, 70\), not \(45, 70\)"):
        make_submissions(evaluation, similarity[:-1])


def test_a_gallery_too_small_for_fifty_names_is_refused(
    recorded: tuple[EvaluationSet, torch.Tensor],
) -> None:
    evaluation, similarity = recorded
    few = replace(evaluation, gallery=evaluation.gallery[:50])
    with pytest.raises(SubmissionError, match="49 different names, not 50"):
        make_submissions(few, similarity[:, :50])


def test_incomplete_or_wrong_answers_are_refused(
    recorded: tuple[EvaluationSet, torch.Tensor],
) -> None:
    evaluation, similarity = recorded
    good = make_submissions(evaluation, similarity)
    first = evaluation.queries[0]

    def check(recall: dict[str, list[str]], subset: dict[str, list[str]], message: str) -> None:
        answers = submission.Submissions(good.recall | recall, good.subset | subset)
        with pytest.raises(SubmissionError, match=message):
            check_submissions(answers, evaluation.queries, evaluation.gallery)

    names, few = good.recall[first.id], good.subset[first.id]
    outside = next(name for name in names if name not in first.members)
    check({"1": names}, {}, "answers 46 pair ids, which are not the 45")
    check({first.id: names[:49]}, {}, "has 49 different names, not 50")
    check({first.id: [*names[:49], names[0]]}, {}, "has 49 different names")
    check({first.id: [*names[:49], first.reference]}, {}, "names a picture it must not")
    check({first.id: [*names[:49], "test1-0-0-img0"]}, {}, "names a picture it must not")
    check({}, {first.id: few[:2]}, "recall_subset submission has 2 different names, not 3")
    check({}, {first.id: [*few[:2], outside]}, "recall_subset submission names a picture")
    missing = submission.Submissions(good.recall, dict(list(good.subset.items())[1:]))
    with pytest.raises(SubmissionError, match="recall_subset submission answers 44"):
        check_submissions(missing, evaluation.queries, evaluation.gallery)


def test_a_file_of_five_megabytes_is_not_written(tmp_path: Path) -> None:
    answers = {str(pair): [f"test1-{i:020}" for i in range(50)] for pair in range(4148)}
    with pytest.raises(SubmissionError, match="not under 5000000"):
        write_submissions(submission.Submissions(answers, {}), tmp_path / "out", "big")
    assert not (tmp_path / "out").exists()
