"""The recipe of a first stage: every number that decides its weights, and what is kept of them.

The published recipes are ``recipes/*.toml``; a flag overrides one entry. A description here is
the flag's help.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from sprc.training.run_recipe import RunRecipe, check_recipe, read_entries
from sprc.training.sizes import Sizes

RECIPES: Final = Path(__file__).parents[1] / "recipes"
DATASETS: Final = ("FashionIQ", "CIRR")
Dataset = Literal["FashionIQ", "CIRR"]


class Recipe(RunRecipe):
    """One run of the first stage."""

    blip_model_name: Literal["blip2_cir_align_prompt"] = Field(
        description="the model to train; blip2_cir_align_prompt is SPRC"
    )
    backbone: Literal["pretrain", "pretrain_vitL", "none"] = Field(
        description="BLIP-2's pretrained weights to start from where no --model-path is given: "
        "pretrain has EVA ViT-g, pretrain_vitL CLIP ViT-L; none begins from nothing, with the "
        "sizes of the recipe's table [model] and words learned from the captions"
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
    train_encoder: bool = Field(
        default=False, description="train the image encoder too (published: frozen)"
    )
    augment: bool = Field(
        default=False,
        description="with --train-encoder, turn, shift, scale, mirror and light each picture a "
        "little in every step (published: no)",
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
    loss_alike: float = Field(
        default=0.0,
        ge=0,
        description="weight of a loss that has pictures find those with the same value of "
        "alike_by in attributes.json, by their tokens alone (published: 0)",
    )
    alike_by: str = Field(
        default="category", description="the attribute by which loss_alike tells pictures apart"
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
        if self.asks and self.loss_alike and not self.loss_attributes:
            raise ValueError("loss_alike goes with loss_attributes, whose values it reads")
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
    def encoder_trains(self) -> bool:
        """Whether the image encoder trains along."""
        return self.train_encoder


def published_recipe(dataset: Dataset) -> Path:
    """The file of a data set's published recipe."""
    return RECIPES / f"{dataset.lower()}.toml"


def load_recipe(path: Path, overrides: Mapping[str, Any]) -> tuple[Recipe, list[str]]:
    """A recipe file with some of its entries overridden; and what of them was ignored.

    Raises `TrainingError`.
    """
    entries, given = read_entries(path), dict(overrides)
    ignored = []
    if given.get("fixed_loss_weights", entries.get("fixed_loss_weights")) is True:
        ignored = [name for name in ("loss_rtc", "loss_align") if given.pop(name, None) is not None]
    return check_recipe(Recipe, path, entries, given), ignored
