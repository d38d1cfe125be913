"""Command line of `sprc.rerank`."""

from collections.abc import Sequence

from sprc.training.options import (
    RUNS,
    Options,
    add_recipe_flags,
    given_entries,
    options_of,
    run_parser,
)
from sprc.training.run_recipe import check_recipe, read_entries
from sprc.training.second_stage.recipe import RerankRecipe, rerank_recipe

FLAGS = tuple(RerankRecipe.model_fields)


def read_rerank_options(arguments: Sequence[str] | None) -> Options[RerankRecipe]:
    """Parse a command line; `--help` and errors of usage exit. Raises `TrainingError`."""
    parser = run_parser(
        "sprc.rerank",
        "Train the second stage (SPRC's rerank model) from a first stage's checkpoint.",
        start="checkpoint of the first stage, which sprc.train wrote or SPRC published",
    )
    add_recipe_flags(parser, RerankRecipe, FLAGS)
    given = parser.parse_args(arguments)
    overrides = given_entries(given, FLAGS)
    path = given.recipe or rerank_recipe(given.dataset)
    recipe = check_recipe(RerankRecipe, path, read_entries(path), overrides)
    output = given.output or RUNS / f"{given.dataset.lower()}-rerank"
    return options_of(given, output, recipe, overrides)
