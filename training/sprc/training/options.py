"""Command line of `sprc.train`: the recipe's entries as flags, and where things lie."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from sprc.training.recipe import DATASETS, Dataset, Recipe, load_recipe, published_recipe

RUNS = Path("runs")
FLAGS = tuple(name for name in Recipe.model_fields if name != "model")
"""Entries of a recipe that a flag overrides."""


@dataclass(frozen=True)
class Options:
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
    backbone_given: bool
    precision_given: bool
    recipe: Recipe
    ignored: tuple[str, ...]
    """Entries that were given and have no effect."""


def read_options(arguments: Sequence[str] | None) -> Options:
    """Parse a command line; `--help` and errors of usage exit. Raises `TrainingError`."""
    given = _parser().parse_args(arguments)
    dataset: Dataset = given.dataset
    overrides = {name: getattr(given, name) for name in FLAGS if getattr(given, name) is not None}
    recipe, ignored = load_recipe(given.recipe or published_recipe(dataset), overrides)
    output = given.output or RUNS / dataset.lower()
    cache = None
    if given.cache_features is not None:
        cache = Path(given.cache_features) if given.cache_features else output / "features"
    return Options(
        dataset=dataset,
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
        backbone_given="backbone" in overrides,
        precision_given="precision" in overrides,
        recipe=recipe,
        ignored=tuple(ignored),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sprc.train",
        description="Train the composed-retrieval model (SPRC) by the published recipe.",
        epilog="Several GPUs: torchrun --nproc-per-node N -m sprc.train ...",
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
    parser.add_argument(
        "--model-path", type=Path, help="checkpoint to start from (default: BLIP-2's weights)"
    )
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
    group = parser.add_argument_group("recipe", "each overrides an entry of the recipe file")
    for name in FLAGS:
        field = Recipe.model_fields[name]
        _add_flag(group, name, field.annotation, field.description or "")
    return parser


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
