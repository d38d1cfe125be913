"""What the recipes of both stages have in common: how long, how fast, on what, and what is kept.

A description here is the flag's help.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sprc.training.errors import TrainingError

WITHOUT_EFFECT_ON_WEIGHTS: Final = frozenset(
    {
        "num_workers",
        "validation_frequency",
        "save_training",
        "save_best",
        "state_minutes",
        "keep_pictures",
        "depth",
    }
)
"""What may change when a run is resumed."""

Precision = Literal["fp16", "bf16", "float32"]


class RunRecipe(BaseModel):
    """One run's recipe, but for what its stage minimises."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_epochs: int = Field(ge=1, description="epochs to train")
    learning_rate: float = Field(gt=0, description="peak of the one-cycle schedule")
    batch_size: int = Field(
        ge=1, description="pairs in a batch, over all processes together; they share it evenly"
    )
    num_workers: int = Field(ge=0, description="processes that read pictures, 0 for none")
    transform: Literal["targetpad", "squarepad"] = Field(description="how a picture is padded")
    target_ratio: float = Field(
        ge=1,
        allow_inf_nan=False,
        description="ratio of the sides that targetpad pads a longer picture to",
    )
    precision: Precision = Field(
        description="fp16 and bf16 are mixed precision, fp16 with a loss scaler; a machine "
        "without a GPU trains in float32 unless this flag is given"
    )
    seed: int = Field(
        ge=0, description="decides order, captions and dropout; two runs with one seed are alike"
    )
    validation_frequency: int = Field(
        ge=1, description="validate every so many epochs, beginning with the first"
    )
    save_training: bool = Field(
        description="keep checkpoints, and the state that --resume goes on from"
    )
    save_best: bool = Field(
        description="with --save-training, keep the best checkpoint by the published rule: "
        "average_recall for FashionIQ, arithmetic_mean for CIRR"
    )
    best_from_epoch: int = Field(
        ge=0, description="epochs below this number, counted from 0, are never the best"
    )
    state_minutes: float = Field(
        ge=0, description="keep the state this often, and after every epoch; 0 is every step"
    )
    rough_categories: tuple[str, ...] = Field(
        default=(),
        description="categories whose pictures are changed more where pictures are augmented: "
        "cropped, cut out and lit as photos of few garments need it, with commas between them "
        "(published: none)",
    )
    rough_repeats: int = Field(
        default=1,
        ge=1,
        description="how often an epoch takes each pair of the rough categories (published: once)",
    )
    views: int = Field(
        default=1,
        ge=1,
        description="with --cache-features, how many views of each picture are kept: itself and "
        "augmented ones, of which a step takes one by chance (published: 1)",
    )
    keep_pictures: bool = Field(
        default=False,
        description="decode each picture once and keep its pixels in memory, a byte for each value",
    )
    group_pictures: bool = Field(
        default=False,
        description="keep pairs that share pictures in one batch, where they are each other's "
        "hardest negatives and a picture is encoded once (published: pairs fall as they may)",
    )
    gradient_norm: float = Field(
        default=0.0, ge=0, description="clip the gradient to this norm, 0 for not (published: 0)"
    )

    @property
    def encoder_trains(self) -> bool:
        """Whether the image encoder trains along; published models leave it as it is."""
        return False

    @property
    def first_best_epoch(self) -> int:
        """The first epoch that may be kept as the best: the last one in a run too short."""
        return min(self.best_from_epoch, self.num_epochs - 1)

    def differences(self, other: Self) -> list[str]:
        """Flags whose values differ and decide the weights."""
        ours, theirs = self.model_dump(), other.model_dump()
        return [
            f"--{name.replace('_', '-')} was {theirs[name]}, is {ours[name]}"
            for name in ours
            if name not in WITHOUT_EFFECT_ON_WEIGHTS and ours[name] != theirs[name]
        ]


AnyRecipe = TypeVar("AnyRecipe", bound=RunRecipe)


def read_entries(path: Path) -> dict[str, Any]:
    """The entries of a recipe file as they stand. Raises `TrainingError`."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise TrainingError(f"the recipe {path} does not exist") from None
    except (ValueError, OSError) as error:
        raise TrainingError(f"the recipe {path} cannot be read: {error}") from error


def check_recipe(
    kind: type[AnyRecipe], path: Path, entries: Mapping[str, Any], given: Mapping[str, Any]
) -> AnyRecipe:
    """A recipe of some kind from a file's entries and the flags that override them.

    Raises `TrainingError`, which names the flag or the entry.
    """
    try:
        return kind.model_validate({**entries, **given})
    except ValidationError as error:
        # A recipe of the other stage has much that is wrong, and its model's name says why.
        first = min(error.errors(), key=lambda found: found["loc"] != ("blip_model_name",))
        name = ".".join(str(part) for part in first["loc"])
        where = f"{name} in {path}" if name else str(path)
        if name in given:
            where = f"--{name.replace('_', '-')}"
        message = first["msg"].removeprefix("Value error, ")
        raise TrainingError(f"{where}: {message[:1].lower()}{message[1:]}") from error
