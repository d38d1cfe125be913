"""The recipe of a run: every number that decides the trained weights, and what is kept of them.

The published recipes are ``recipes/*.toml``; a flag overrides one entry. A description here is
the flag's help.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sprc.training.errors import TrainingError
from sprc.training.sizes import Sizes

RECIPES: Final = Path(__file__).parents[1] / "recipes"
DATASETS: Final = ("FashionIQ", "CIRR")
WITHOUT_EFFECT_ON_WEIGHTS: Final = frozenset(
    {
        "num_workers",
        "validation_frequency",
        "save_training",
        "save_best",
        "state_minutes",
        "keep_pictures",
    }
)
"""What may change when a run is resumed."""

Dataset = Literal["FashionIQ", "CIRR"]
Precision = Literal["fp16", "bf16", "float32"]


class Recipe(BaseModel):
    """One run's recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blip_model_name: Literal["blip2_cir_align_prompt"] = Field(
        description="the model to train; blip2_cir_align_prompt is SPRC"
    )
    backbone: Literal["pretrain", "pretrain_vitL", "none"] = Field(
        description="BLIP-2's pretrained weights to start from where no --model-path is given: "
        "pretrain has EVA ViT-g, pretrain_vitL CLIP ViT-L; none begins from nothing, with the "
        "sizes of the recipe's table [model] and words learned from the captions"
    )
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
    loss_itc: float = Field(
        default=1.0, ge=0, description="weight of the composed queries' contrastive loss"
    )
    loss_rtc: float = Field(ge=0, description="weight of the text-only contrastive loss")
    loss_align: float = Field(ge=0, description="weight of the prompts' alignment loss")
    fixed_loss_weights: bool = Field(
        description="take the losses' weights from the recipe alone, as SPRC's code does for "
        "FashionIQ: --loss-rtc and --loss-align are then ignored, with a note"
    )
    gather: bool = Field(
        description="with several processes, contrast every query with the targets of all of "
        "them, as one process with the whole batch would (SPRC's code does not)"
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
    train_encoder: bool = Field(
        default=False, description="train the image encoder too (published: frozen)"
    )
    augment: bool = Field(
        default=False,
        description="with --train-encoder, turn, shift, scale, mirror and light each picture a "
        "little in every step (published: no)",
    )
    rough_categories: tuple[str, ...] = Field(
        default=(),
        description="with --augment, categories whose pictures are changed more: cropped, cut out "
        "and lit as photos of few garments need it, with commas between them (published: none)",
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
    contrast_references: bool = Field(
        default=False,
        description="rank all pictures of a batch, references too (published: its targets)",
    )
    text_parts: int = Field(
        default=1,
        ge=1,
        description="work on a batch's texts in so many parts of similar length, which pads less; "
        "but for rounding the losses are the same (published: 1)",
    )
    several_right: bool = Field(
        default=False,
        description="in the contrastive losses, count pictures of the batch that a caption's "
        "alternatives name as right too (published: the target alone)",
    )
    loss_spread: float = Field(
        default=0.0,
        ge=0,
        description="weight of a loss against tokens of a picture that are alike (published: 0)",
    )
    loss_attributes: float = Field(
        default=0.0,
        ge=0,
        description="weight of a loss that reads the data set's attributes.json off pictures and "
        "composed queries (published: 0)",
    )
    gradient_norm: float = Field(
        default=0.0, ge=0, description="clip the gradient to this norm, 0 for not (published: 0)"
    )
    model: Sizes | None = None
    """The table ``[model]``, for a backbone of none; a run that has a checkpoint needs none."""

    @model_validator(mode="after")
    def _agree(self) -> "Recipe":
        if self.augment and not self.train_encoder:
            raise ValueError("to augment pictures is for an encoder that trains (train_encoder)")
        if self.views > 1 and self.train_encoder:
            raise ValueError("views of pictures are kept, and this encoder trains (train_encoder)")
        if not (self.asks or self.loss_attributes):
            raise ValueError("no loss is left: every weight is 0")
        if self.gather and self.contrast_references:
            # Processes hold different numbers of distinct pictures, of targets the same.
            raise ValueError("gather ranks targets, so contrast_references cannot go with it")
        if self.gather and self.several_right:
            # What is right is known of a process's own pictures.
            raise ValueError(
                "gather ranks other processes' targets, so several_right cannot go with it"
            )
        return self

    @property
    def asks(self) -> bool:
        """Whether any loss is about queries; without one an encoder may learn attributes alone."""
        return bool(self.loss_itc or self.loss_rtc or self.loss_align)

    @property
    def first_best_epoch(self) -> int:
        """The first epoch that may be kept as the best: the last one in a run too short."""
        return min(self.best_from_epoch, self.num_epochs - 1)

    def differences(self, other: "Recipe") -> list[str]:
        """Flags whose values differ and decide the weights."""
        ours, theirs = self.model_dump(), other.model_dump()
        return [
            f"--{name.replace('_', '-')} was {theirs[name]}, is {ours[name]}"
            for name in ours
            if name not in WITHOUT_EFFECT_ON_WEIGHTS and ours[name] != theirs[name]
        ]


def published_recipe(dataset: Dataset) -> Path:
    """The file of a data set's published recipe."""
    return RECIPES / f"{dataset.lower()}.toml"


def load_recipe(path: Path, overrides: Mapping[str, Any]) -> tuple[Recipe, list[str]]:
    """A recipe file with some of its entries overridden; and what of them was ignored.

    Raises `TrainingError`.
    """
    try:
        entries = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise TrainingError(f"the recipe {path} does not exist") from None
    except (ValueError, OSError) as error:
        raise TrainingError(f"the recipe {path} cannot be read: {error}") from error
    given = dict(overrides)
    ignored = []
    if given.get("fixed_loss_weights", entries.get("fixed_loss_weights")) is True:
        ignored = [name for name in ("loss_rtc", "loss_align") if given.pop(name, None) is not None]
    try:
        return Recipe.model_validate({**entries, **given}), ignored
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        where = f"{name} in {path}" if name else str(path)
        if name in given:
            where = f"--{name.replace('_', '-')}"
        message = first["msg"].removeprefix("Value error, ")
        raise TrainingError(f"{where}: {message[:1].lower()}{message[1:]}") from error
