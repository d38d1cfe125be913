"""Evaluate a model's weights."""

from collections.abc import Sequence

from sprc.datasets.loading import PictureDataset
from sprc.datasets.records import Protocol
from sprc.evaluation.backends import Backend
from sprc.evaluation.features import Loading, compute_features
from sprc.evaluation.outcome import Outcome
from sprc.evaluation.scores import gallery_tokens, similarities, token_cosine
from sprc.evaluation.tasks import Task


def evaluate_weights(
    backend: Backend, tasks: Sequence[Task], loading: Loading, *, baselines: bool
) -> dict[Protocol, Outcome]:
    """Embed each task's pictures once and rank every gallery of it.

    Raises:
        PictureError: A picture is missing or damaged.
    """
    outcomes: dict[Protocol, Outcome] = {}
    for task in tasks:
        any_set = task.any_set
        features = compute_features(
            backend,
            task.names,
            PictureDataset(task.names, any_set.pictures, backend.transform),
            any_set.queries,
            loading,
            text_only=baselines,
            label=task.name,
        )
        for protocol, evaluation in task.sets.items():
            outcome = outcomes.setdefault(protocol, Outcome(protocol))
            outcome.add(evaluation, similarities(evaluation, features, baselines=baselines))
            tokens = gallery_tokens(evaluation, features)
            outcome.token_cosine[evaluation.name] = token_cosine(tokens)
    return outcomes
