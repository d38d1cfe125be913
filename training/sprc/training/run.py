"""A run: what does not change while a model trains, and the stage that decides what it learns."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import tokenizers
from torch import Tensor, nn

from retrieval.preprocess.text import Tokenizer
from sprc.base import ImageTextModel
from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.evaluation.features import Loading
from sprc.training.data import RunData
from sprc.training.features import Features, Mixed
from sprc.training.options import Options
from sprc.training.processes import Processes
from sprc.training.run_recipe import RunRecipe
from sprc.training.state import Identity

R = TypeVar("R", bound=RunRecipe)
M = TypeVar("M", bound=ImageTextModel)


@dataclass(frozen=True)
class Run(Generic[R]):
    """Everything of a run that does not change while it trains."""

    recipe: R
    data: RunData
    features: Features
    plain: Features | None
    """What kept features are compared with; none where features are not kept."""
    tokenizer: Tokenizer
    target_ratio: float
    """What pictures are padded to, 1 for squarepad."""
    processes: Processes
    mixed: Mixed
    output: Path
    identity: Identity


class BatchLosses(nn.Module):
    """From a batch of pictures and texts to the losses; one module, so that DDP can wrap it.

    Called with `Features`, a `PairBatch` and the texts' ids and mask, int64 [B, T].
    """

    names: tuple[str, ...]
    """Of the losses, in their order."""
    weights: Tensor
    """Float32 [losses], what each counts in their sum."""


class Lesson(ABC):
    """What a model learns in a run, and how well it has learnt it."""

    model: ImageTextModel
    objective: BatchLosses

    @abstractmethod
    def validate(self, loading: Loading) -> dict[str, float]:
        """Figures in percent, the data's best figure among them.

        Leaves the model in eval mode. Raises `PictureError`, `BackendError`.
        """


class Stage(ABC, Generic[R, M]):
    """One of SPRC's two models."""

    @abstractmethod
    def begin(
        self, options: Options[R], source: Cirr | FashionIq
    ) -> tuple[M, tokenizers.Tokenizer]:
        """The model on the CPU, and the words, that a run begins with.

        Raises `CheckpointError`, `DataError`, `TrainingError` or `WordsError`.
        """

    @abstractmethod
    def lesson(self, model: M, run: Run[R]) -> Lesson:
        """What the model, on its device by now, is to learn.

        Raises `TrainingError`, `PictureError` or `BackendError`.
        """
