"""The recipe of a second stage: how its hard negatives are found, and how it is validated."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from sprc.training.recipe import RECIPES, Dataset
from sprc.training.run_recipe import RunRecipe


class RerankRecipe(RunRecipe):
    """One run of the second stage."""

    blip_model_name: Literal["blip2_cir_rerank"] = Field(
        description="the model to train; blip2_cir_rerank is SPRC's second stage"
    )
    negatives: Literal["text", "composed"] = Field(
        description="what the frozen first stage is asked with when it looks for hard negatives: "
        "the words alone, as published, or picture and words"
    )
    contrast_references: bool = Field(
        default=False,
        description="a reference of the batch may be the wrong picture too, a query's own among "
        "them (published: the batch's targets)",
    )
    several_right: bool = Field(
        default=False,
        description="never take for wrong what a caption's alternatives name as right, another "
        "pair's equal target, or another category's picture (published: all but a pair's own "
        "target is wrong)",
    )
    depth: int = Field(
        ge=1, description="candidates of the first stage that validation judges and reorders"
    )


def rerank_recipe(dataset: Dataset) -> Path:
    """The file of a data set's recipe."""
    return RECIPES / "rerank" / f"{dataset.lower()}.toml"
