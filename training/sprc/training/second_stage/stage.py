"""The second stage: the first one's candidates are judged one by one, and reordered."""

from collections.abc import Mapping
from typing import Final

import tokenizers
from torch import Tensor

from sprc.checkpoint import load_model
from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.evaluation.features import Loading
from sprc.evaluation.judge import Judge, keep_pictures
from sprc.evaluation.reranking import rerank
from sprc.evaluation.table import aligned
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.reranker import Blip2QformerCirRerank
from sprc.training.begin import starting_words
from sprc.training.errors import TrainingError
from sprc.training.feature_cache import KeptFeatures
from sprc.training.features import PictureFeatures, stream_dtype
from sprc.training.options import Options
from sprc.training.run import Lesson, Run, Stage
from sprc.training.second_stage.objective import RerankObjective
from sprc.training.second_stage.recipe import RerankRecipe
from sprc.training.validate import rank_queries

KEPT: Final = "validation-features"
"""Folder in a run's, where it does not keep the features of all its pictures."""
_AT_ONCE: Final = 32


class SecondStage(Stage[RerankRecipe, Blip2QformerCirRerank]):
    """SPRC's rerank model, which begins with a first stage's weights."""

    def __init__(self) -> None:
        self._first: Blip2QformerCirAlignPrompt | None = None

    def begin(
        self, options: Options[RerankRecipe], source: Cirr | FashionIq
    ) -> tuple[Blip2QformerCirRerank, tokenizers.Tokenizer]:
        """See `Stage`."""
        if options.model_path is None:
            raise TrainingError(
                "a second stage begins with a first: give its checkpoint by --model-path"
            )
        self._first = load_model(
            options.model_path, vit_heads=options.vit_heads, qformer_heads=options.qformer_heads
        )
        model = Blip2QformerCirRerank.after(self._first)
        model.freeze_miner()
        return model, starting_words(options, model.config.qformer.vocab)

    def lesson(self, model: Blip2QformerCirRerank, run: Run[RerankRecipe]) -> Lesson:
        """See `Stage`. The first stage ranks the validation queries here, once and for all."""
        if self._first is None:
            raise RuntimeError("a lesson before the beginning")
        first, self._first = self._first, None
        return Judging(first, model, run)


class Judging(Lesson):
    """Right and wrong pairs are told apart; validation reorders the first stage's ranking."""

    def __init__(
        self,
        first: Blip2QformerCirAlignPrompt,
        model: Blip2QformerCirRerank,
        run: Run[RerankRecipe],
    ) -> None:
        """Raises `TrainingError`, `PictureError` or `BackendError`."""
        if run.recipe.batch_size < 2 * run.processes.world:
            raise TrainingError(
                "hard negatives come from the rest of a process's batch: give a larger --batch-size"
            )
        self.model = self._judging = model
        self.run = run
        self.objective = RerankObjective(model, run.processes, run.recipe)
        self._ranked: list[Tensor] = []
        if run.processes.main:
            self._kept = self._keep()
            self._ranked = self._rank(first)

    def validate(self, loading: Loading) -> dict[str, float]:
        """See `Lesson`.

        The plain names are of the published way, which reranks with the reference in place; the
        first stage's begin with ``first_stage_``, and where a protocol removes the reference,
        those of reranking without it with ``without_reference_``.
        """
        run = self.run
        judge = Judge(self._judging.eval(), run.tokenizer, self._kept, loading.batch_size)
        reranked = [
            rerank(judge, evaluation, ranking, run.recipe.depth)
            for evaluation, ranking in zip(run.data.evaluations, self._ranked, strict=True)
        ]
        figures = run.data.figures
        columns = {
            "first stage": figures(self._ranked),
            "reranked": figures([found.ranking for found in reranked]),
        }
        without = [found.without_reference for found in reranked]
        if all(ranking is not None for ranking in without):
            columns["without reference"] = figures([r for r in without if r is not None])
        print(_side_by_side(columns), flush=True)
        others = {
            f"{column.replace(' ', '_')}_{name}": value
            for column, values in columns.items()
            if column != "reranked"
            for name, value in values.items()
        }
        return columns["reranked"] | others

    def _keep(self) -> KeptFeatures:
        """Features of the validation's pictures, which are read again and again."""
        run = self.run
        if isinstance(run.features, KeptFeatures):
            return run.features
        if not isinstance(run.features, PictureFeatures):
            raise TypeError(f"{type(run.features).__name__} cannot be kept")
        return keep_pictures(
            run.output / KEPT,
            run.features,
            run.data.validation_pictures,
            dtype=stream_dtype(self._judging, run.features.mixed),
            encoder=run.identity.encoder,
            workers=run.recipe.num_workers,
        )

    def _rank(self, first: Blip2QformerCirAlignPrompt) -> list[Tensor]:
        run, loading = self.run, Loading(_AT_ONCE, self.run.recipe.num_workers)
        first.to(run.processes.device)
        return [
            rank_queries(first, evaluation, self._kept, run.tokenizer, loading)
            for evaluation in run.data.evaluations
        ]


def _side_by_side(columns: Mapping[str, Mapping[str, float]]) -> str:
    names = next(iter(columns.values()))
    rows = [[name, *(f"{values[name]:.2f}" for values in columns.values())] for name in names]
    return aligned([["", *columns], *rows])
