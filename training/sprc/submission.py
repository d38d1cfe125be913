"""The two files for CIRR's test server: 50 names for each query, and 3 from its subset.

``{"<pairid>": [names, best first], ..., "metric": "recall", "version": "rc2"}`` with sorted keys,
and ``"recall_subset"`` for the other; see the server's template and SPRC's code, whose files these
equal byte for byte.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor

from sprc.datasets.records import EvaluationSet, Query
from sprc.ranks import rank_gallery

VERSION: Final = "rc2"
RECALL_NAMES: Final = 50
SUBSET_NAMES: Final = 3
MAX_BYTES: Final = 5_000_000


class SubmissionError(Exception):
    """The test server would refuse a submission, or score less than the whole test set."""


@dataclass(frozen=True)
class Submissions:
    """Names for each pair id, best first, the query's reference never among them."""

    recall: dict[str, list[str]]
    subset: dict[str, list[str]]


def make_submissions(evaluation: EvaluationSet, similarity: Tensor) -> Submissions:
    """Rank the gallery for every query.

    Args:
        evaluation: CIRR's test1, or any set whose queries have members.
        similarity: [Q, N] of its queries and gallery, in their order.

    Raises:
        SubmissionError: The shape is another, or there are too few pictures.
    """
    expected = (len(evaluation.queries), len(evaluation.gallery))
    if tuple(similarity.shape) != expected:
        raise SubmissionError(f"similarities are {tuple(similarity.shape)}, not {expected}")
    return submit_ranking(evaluation, rank_gallery(similarity))


def submit_ranking(evaluation: EvaluationSet, ranking: Tensor) -> Submissions:
    """The names that a ranking of the whole gallery gives, int64 [Q, N].

    Raises:
        SubmissionError: There are too few pictures.
    """
    recall, subset = {}, {}
    for query, row in zip(evaluation.queries, ranking.tolist(), strict=True):
        names = [name for name in (evaluation.gallery[i] for i in row) if name != query.reference]
        members = frozenset(query.members)
        recall[query.id] = names[:RECALL_NAMES]
        subset[query.id] = [name for name in names if name in members][:SUBSET_NAMES]
    submissions = Submissions(recall, subset)
    check_submissions(submissions, evaluation.queries, evaluation.gallery)
    return submissions


def check_submissions(
    submissions: Submissions, queries: Sequence[Query], gallery: Sequence[str]
) -> None:
    """All queries, 50 and 3 different names of pictures that may be named.

    Raises:
        SubmissionError: With what is wrong, in a sentence.
    """
    listed = frozenset(gallery)
    for metric, answers, count in (
        ("recall", submissions.recall, RECALL_NAMES),
        ("recall_subset", submissions.subset, SUBSET_NAMES),
    ):
        expected = {query.id for query in queries}
        if answers.keys() != expected:
            raise SubmissionError(
                f"the {metric} submission answers {len(answers)} pair ids, "
                f"which are not the {len(expected)} of the queries"
            )
        for query in queries:
            names = answers[query.id]
            allowed = listed if metric == "recall" else listed & frozenset(query.members)
            if len(names) != count or len(set(names)) != count:
                raise SubmissionError(
                    f"pair {query.id} of the {metric} submission has {len(set(names))} "
                    f"different names, not {count}"
                )
            if query.reference in names or not allowed.issuperset(names):
                raise SubmissionError(
                    f"pair {query.id} of the {metric} submission names a picture it must not"
                )


def write_submissions(submissions: Submissions, folder: Path, name: str) -> tuple[Path, Path]:
    """Write both files, each aside, synced and renamed, once both are known to be small enough.

    Returns:
        ``recall_submission_{name}.json`` and ``recall_subset_submission_{name}.json``.

    Raises:
        SubmissionError: A file would have 5 MB or more; nothing is written.
    """
    contents = {
        folder / f"{metric}_submission_{name}.json": _encode(metric, answers)
        for metric, answers in (
            ("recall", submissions.recall),
            ("recall_subset", submissions.subset),
        )
    }
    for path, content in contents.items():
        if len(content) >= MAX_BYTES:
            raise SubmissionError(f"{path} would have {len(content)} bytes, not under {MAX_BYTES}")
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        aside = path.with_suffix(".partial")
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    recall, subset = contents
    return recall, subset


def _encode(metric: str, answers: Mapping[str, Sequence[str]]) -> bytes:
    document = {"version": VERSION, "metric": metric, **answers}
    return json.dumps(document, sort_keys=True).encode()
