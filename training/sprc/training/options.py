"""Command line of a run: the recipe's entries as flags, and where things lie."""

import argparse
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

from sprc.training.recipe import DATASETS, Dataset, Recipe, load_recipe, published_recipe
from sprc.training.run_recipe import RunRecipe

RUNS = Path("runs")
FLAGS = tuple(name for name in Recipe.model_fields if name != "model")
"""Entries of a recipe that a flag overrides."""

R = TypeVar("R", bound=RunRecipe)


@dataclass(frozen=True)
class Options(Generic[R]):
    """A run as it was asked for."""

    dataset: Dataset
    data_path: Path
    model_path: Path | None
    tokenizer: Path | None
    vit_heads: int | None
    qformer_heads: int | None
    output: Path
    device: str
    resume: bool
    cache: Path | None
    """Folder of kept features; none to compute them in each step."""
    skip_broken: bool
    given: frozenset[str]
    """Entries of the recipe that a flag overrides."""
    recipe: R
    ignored: tuple[str, ...]
    """Entries that were given and have no effect."""


def read_options(arguments: Sequence[str] | None) -> Options[Recipe]:
    """Parse a command line; `--help` and errors of usage exit. Raises `TrainingError`."""
    parser = run_parser(
        "sprc.train",
        "Train the composed-retrieval model (SPRC) by the published recipe.",
        start="checkpoint to start from (default: BLIP-2's weights)",
    )
    add_recipe_flags(parser, Recipe, FLAGS)
    given = parser.parse_args(arguments)
    overrides = given_entries(given, FLAGS)
    recipe, ignored = load_recipe(given.recipe or published_recipe(given.dataset), overrides)
    output = given.output or RUNS / given.dataset.lower()
    return options_of(given, output, recipe, overrides, ignored)


def given_entries(given: argparse.Namespace, flags: Sequence[str]) -> dict[str, Any]:
    """Entries of a recipe that were given as flags."""
    return {name: getattr(given, name) for name in flags if getattr(given, name) is not None}


def options_of(
    given: argparse.Namespace,
    output: Path,
    recipe: R,
    overrides: Collection[str],
    ignored: Sequence[str] = (),
) -> Options[R]:
    """The parsed flags of `run_parser`, with the recipe that they came to."""
    cache = None
    if given.cache_features is not None:
        cache = Path(given.cache_features) if given.cache_features else output / "features"
    return Options(
        dataset=given.dataset,
        data_path=given.data_path,
        model_path=given.model_path,
        tokenizer=given.tokenizer,
        vit_heads=given.vit_heads,
        qformer_heads=given.qformer_heads,
        output=output,
        device=given.device,
        resume=given.resume,
        cache=cache,
        skip_broken=given.skip_broken,
        given=frozenset(overrides),
        recipe=recipe,
        ignored=tuple(ignored),
    )


def run_parser(command: str, description: str, *, start: str) -> argparse.ArgumentParser:
    """The flags of a run but for its recipe's entries; `start` explains ``--model-path``."""
    parser = argparse.ArgumentParser(
        prog=command,
        description=description,
        epilog=f"Several GPUs: torchrun --nproc-per-node N -m {command} ...",
    )
    parser.add_argument(
        "--dataset",
        type=_dataset,
        required=True,
        metavar="{FashionIQ,CIRR}",
        help="layout of the data, and whose published recipe to follow; FashionIQ also takes "
        "your own data in its format, with categories of any name",
    )
    parser.add_argument("--data-path", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--model-path", type=Path, help=start)
    parser.add_argument(
        "--tokenizer",
        type=Path,
        help="tokenizer.json or vocab.txt (default: the one beside the checkpoint)",
    )
    parser.add_argument("--vit-heads", type=int, help="attention heads of the ViT")
    parser.add_argument("--qformer-heads", type=int, help="attention heads of the Q-Former")
    parser.add_argument(
        "--output", type=Path, help="folder of the run (default: runs/ and the data set's name)"
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto: a GPU if any)"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --output where it was killed; the weights end up the same",
    )
    parser.add_argument(
        "--cache-features",
        nargs="?",
        const="",
        metavar="DIR",
        help="compute the frozen encoder's output once for each picture and keep it as float16 "
        "in DIR (default: features/ in --output); validation then reads it too",
    )
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave out pictures that are missing or damaged, and count them, instead of stopping",
    )
    parser.add_argument(
        "--recipe", type=Path, help="recipe file (default: the data set's in sprc/recipes)"
    )
    return parser


def add_recipe_flags(
    parser: argparse.ArgumentParser, kind: type[RunRecipe], flags: Sequence[str]
) -> None:
    """A flag for each of these entries of a kind of recipe."""
    group = parser.add_argument_group("recipe", "each overrides an entry of the recipe file")
    for name in flags:
        field = kind.model_fields[name]
        _add_flag(group, name, field.annotation, field.description or "")


def _add_flag(group: argparse._ArgumentGroup, name: str, annotation: Any, description: str) -> None:
    flag = f"--{name.replace('_', '-')}"
    if annotation is bool:
        action = argparse.BooleanOptionalAction
        group.add_argument(flag, action=action, default=None, help=description)
    elif get_origin(annotation) is Literal:
        group.add_argument(flag, choices=get_args(annotation), help=description)
    elif get_origin(annotation) is tuple:
        group.add_argument(flag, type=_names, metavar="NAME,NAME", help=description)
    else:
        group.add_argument(flag, type=annotation, help=description)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _dataset(name: str) -> str:
    for dataset in DATASETS:
        if name.lower() == dataset.lower():
            return dataset
    raise argparse.ArgumentTypeError(f"give {' or '.join(DATASETS)}, not {name}")
