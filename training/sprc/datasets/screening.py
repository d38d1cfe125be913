"""Before a run: are all pictures there; and, where asked for, a run without the bad ones.

Without `skip_broken` a missing picture stops the run here, and a damaged one as soon as it is
read. With it every picture is read once beforehand, and what is left out is counted in a report.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from sprc.datasets.pictures import PictureError, PictureFiles, Transform, read_pixels
from sprc.datasets.records import DataError, EvaluationSet, Query, TrainingSet, pair


@dataclass(frozen=True)
class LeftOut:
    """What a run goes without."""

    problems: Mapping[str, str]
    """Name of each bad picture -> what is wrong, naming its file."""
    queries: int
    """Queries, or training pairs, that needed one of them."""
    gallery: int
    """Gallery pictures among them; for a training set all of them."""

    def sentence(self) -> str:
        """For a log or a report."""
        if not self.problems:
            return "no picture was left out"
        return (
            f"{len(self.problems)} unreadable pictures were left out: {self.gallery} from the "
            f"gallery, with {self.queries} queries that need one"
        )


def screen_training(
    training: TrainingSet, transform: Transform, *, skip_broken: bool, workers: int = 4
) -> tuple[TrainingSet, LeftOut]:
    """A training set whose pictures are all there; see the module.

    Raises:
        PictureError: A picture is missing and `skip_broken` is off; it names the first one.
        DataError: Nothing is left.
    """
    problems = _problems(training.names, training.pictures, transform, skip_broken, workers)
    kept = tuple(query for query in training.queries if problems.keys().isdisjoint(pair(query)))
    left_out = LeftOut(problems, len(training.queries) - len(kept), len(problems))
    _require_some(kept, "the training set", left_out)
    return replace(training, queries=kept), left_out


def screen_evaluation(
    evaluation: EvaluationSet, transform: Transform, *, skip_broken: bool, workers: int = 4
) -> tuple[EvaluationSet, LeftOut]:
    """An evaluation set whose pictures are all there; see the module.

    A query goes when its reference, its target or a picture of its CIRR subset is bad: a smaller
    subset would be easier than the published one. Raises as `screen_training` does.
    """
    names = evaluation.gallery
    problems = _problems(names, evaluation.pictures, transform, skip_broken, workers)
    kept = tuple(query for query in evaluation.queries if problems.keys().isdisjoint(query.names))
    gallery = tuple(name for name in names if name not in problems)
    left_out = LeftOut(problems, len(evaluation.queries) - len(kept), len(names) - len(gallery))
    _require_some(kept, f"the evaluation set {evaluation.name}", left_out)
    return replace(evaluation, queries=kept, gallery=gallery), left_out


def _problems(
    names: Sequence[str],
    pictures: PictureFiles,
    transform: Transform,
    skip_broken: bool,
    workers: int,
) -> dict[str, str]:
    def problem(name: str) -> str | None:
        try:
            path = pictures.path(name)
            if skip_broken:
                read_pixels(path, transform)
        except PictureError as error:
            return str(error)
        return None

    # Threads suffice: Pillow decodes without the interpreter's lock.
    with ThreadPoolExecutor(workers) as pool:
        found = dict(zip(names, pool.map(problem, names), strict=True))
    problems = {name: reason for name, reason in found.items() if reason is not None}
    if problems and not skip_broken:
        first = next(iter(problems.values()))
        more = f", and {len(problems) - 1} more pictures are missing" if len(problems) > 1 else ""
        raise PictureError(first + more)
    return problems


def _require_some(queries: Sequence[Query], where: str, left_out: LeftOut) -> None:
    if not queries:
        raise DataError(f"no query of {where} is left: {left_out.sentence()}")
