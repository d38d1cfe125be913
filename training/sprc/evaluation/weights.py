"""Evaluate a model's weights, and those of a second stage over it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sprc.datasets.loading import PictureDataset
from sprc.datasets.records import Protocol
from sprc.evaluation.backends import Backend
from sprc.evaluation.features import Loading, compute_features
from sprc.evaluation.judge import Judge
from sprc.evaluation.outcome import Outcome
from sprc.evaluation.reranking import rerank
from sprc.evaluation.scores import Source, gallery_tokens, similarities, token_cosine
from sprc.evaluation.second_stage import SecondStage
from sprc.evaluation.tasks import Task
from sprc.ranks import rank_gallery


def evaluate_weights(
    backend: Backend,
    tasks: Sequence[Task],
    loading: Loading,
    *,
    baselines: bool,
    second: SecondStage | None = None,
    beside: Path = Path(),
) -> dict[Protocol, Outcome]:
    """Embed each task's pictures once and rank every gallery of it.

    Args:
        backend: The first stage.
        tasks: What to evaluate.
        loading: How pictures are read.
        baselines: Whether to rank by the plainer ways too.
        second: What reorders the first stage's ranking, side by side with it.
        beside: A folder with room for the temporary one of a second stage.

    Raises:
        PictureError: A picture is missing or damaged.
        BackendError: A model gives numbers that are not finite.
        TrainingError: The second stage's features cannot be kept, or are others.
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
        judging: AbstractContextManager[Judge | None] = (
            second.judge(task.name, task.names, any_set.pictures, loading, beside)
            if second
            else nullcontext()
        )
        with judging as judge:
            for protocol, evaluation in task.sets.items():
                outcome = outcomes.setdefault(protocol, Outcome(protocol))
                found = similarities(evaluation, features, baselines=baselines)
                outcome.add(evaluation, found)
                tokens = gallery_tokens(evaluation, features)
                outcome.token_cosine[evaluation.name] = token_cosine(tokens)
                if judge is not None and second is not None:
                    similarity = found[Source.COMPOSED]
                    ranking = rank_gallery(similarity)
                    reranked = rerank(judge, evaluation, ranking, second.depth)
                    outcome.add_reranked(evaluation, reranked, similarity)
    return outcomes
