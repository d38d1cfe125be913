"""The JSON file of an evaluation."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from sprc.datasets.records import Protocol
from sprc.evaluation.outcome import Outcome
from sprc.evaluation.scores import Source
from sprc.evaluation.tasks import Task
from sprc.ranks import NOT_RANKED, recall_at

CURVE_CUTS: Final = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
FORMAT: Final = 1


def describe(
    dataset: str,
    outcomes: Mapping[Protocol, Outcome],
    tasks: Sequence[Task],
    *,
    model: str | None,
    endpoint: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The document.

    The published figures (CIRR's, or FashionIQ's on its original split) also stand at the top
    level under SPRC's names; those of the VAL split never do.
    """
    document: dict[str, Any] = {"format": FORMAT, "dataset": dataset, "model": model}
    if endpoint is not None:
        document["endpoint"] = dict(endpoint)
    for protocol in (Protocol.ORIGINAL_SPLIT, Protocol.CIRR):
        if protocol in outcomes:
            outcome = outcomes[protocol]
            document |= {"protocol": protocol.value, "source": outcome.main.value}
            document |= outcome.evaluation(outcome.main).figures
    document["protocols"] = {
        protocol.value: _protocol(outcome) for protocol, outcome in outcomes.items()
    }
    document["left_out"] = {
        task.name: {
            "pictures": len(task.left_out.problems),
            "gallery": task.left_out.gallery,
            "queries": task.left_out.queries,
        }
        for task in tasks
    }
    return document


def prepare_folder(path: Path) -> None:
    """Make the folder of an output, before the work and not after it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def write_aside(path: Path, content: bytes) -> None:
    """Write a file beside its place, sync it, rename it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.partial")
    try:
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """The document as JSON. Raises OSError."""
    write_aside(path, (json.dumps(document, indent=1) + "\n").encode())


def _protocol(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {
        "sets": {
            evaluation.name: {
                "queries": len(evaluation.queries),
                "gallery": len(evaluation.gallery),
            }
            for evaluation in outcome.sets
        },
        "token_cosine": outcome.token_cosine,
        "figures": {},
        "recall_over_k": {},
    }
    sizes = {evaluation.name: len(evaluation.gallery) for evaluation in outcome.sets}
    for source in outcome.parts:
        evaluation = outcome.evaluation(source)
        found["figures"][source.value] = evaluation.figures
        found["recall_over_k"][source.value] = {
            name: _curve(ranks, sizes[name]) for name, ranks in evaluation.ranks.items()
        }
    if {Source.COMPOSED, Source.SERVED} <= outcome.parts.keys():
        found["agreement"] = agreement(outcome)
    return found


def agreement(outcome: Outcome) -> dict[str, Any]:
    """How served and offline results compare.

    An index keeps tokens in float16, so that pictures whose scores differ by less than that
    rounds (about 0.0005) may change places; ranks are compared where both know them.
    """
    offline, served = (outcome.evaluation(source) for source in (Source.COMPOSED, Source.SERVED))
    exact = torch.cat(list(offline.ranks.values()))
    found = torch.cat([served.ranks[name] for name in offline.ranks])
    ranked = found != NOT_RANKED
    apart = (exact - found)[ranked].abs()
    differences = [abs(served.figures[name] - value) for name, value in offline.figures.items()]
    return {
        "queries": len(exact),
        "ranked_by_both": int(ranked.sum()),
        "same_target_rank": int((apart == 0).sum()),
        "largest_rank_difference": int(apart.max()) if len(apart) else 0,
        "largest_difference_of_a_figure": max(differences),
    }


def _curve(ranks: Tensor, gallery: int) -> dict[str, float]:
    return {str(k): recall_at(ranks, k) for k in CURVE_CUTS if k <= gallery}
