"""``python -m catalog build``: crawl, caption and structure in a row.

    python -m catalog build --feed FILE --images DIR --captioner attributes --output DATASET
    python -m catalog build --shop PROFILE --contact ADDRESS --captioner openai --output DATASET

What the steps hand to each other is in DATASET/catalog. The same command again goes on where it
ended, or brings the data set up to date.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from catalog.build.borrowed import Borrower
from catalog.build.crawling import crawl
from catalog.build.unfinished import Unfinished
from catalog.errors import CatalogError
from catalog.interrupt import sigterm_interrupts
from catalog.structure.begin import begin
from catalog.structure.command import shares_wanted

FOLDER: Final = "catalog"
_STEPS: Final = ("crawl", "caption", "structure")
_BY_HAND: Final = {
    "crawl": ("--output",),
    "caption": ("--dataset", "--split-seed"),
    "structure": ("--output", "--source"),
}
"""Options that follow from `--output` and from what is crawled."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the three commands, and where the data set goes."""
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DATASET", help="folder of the data set"
    )
    borrower = Borrower(parser)
    borrower.add_shared(
        "--seed", type=int, help="of the choice of pairs and the draw of splits (1)"
    )
    borrowed = {
        step: borrower.take(_command(step).add_arguments, without=_BY_HAND[step]) for step in _STEPS
    }
    parser.set_defaults(borrowed=borrowed)


def run(options: argparse.Namespace) -> int:
    """Run the steps; the exit code of the one that ended it, or 0. Raises `CatalogError`."""
    root: Path = options.output
    folder = root / FOLDER
    given = {step: options.borrowed[step].arguments(options) for step in _STEPS}
    source = f"--source={_source(options)}"
    split_seed = [f"--split-seed={options.seed}"] if hasattr(options, "seed") else []
    lines = {
        "crawl": [f"--output={folder}", *given["crawl"]],
        "caption": [str(folder), f"--dataset={root}", *split_seed, *given["caption"]],
        "structure": [str(folder), f"--output={root}", source, *given["structure"]],
    }
    # All that can be seen before hours of work is seen before them.
    parsed = {step: _parse(step, line) for step, line in lines.items()}
    begin(root, shares_wanted(parsed["structure"]))
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = Unfinished(folder)
    for number, step in enumerate(_STEPS, 1):
        if step == "crawl" and unfinished.crawled(lines["crawl"]):
            _say(number, step, "done before")
            continue
        _say(number, step, "begins")
        # For each step anew: a step's own handler may take this one with it.
        with sigterm_interrupts():
            code = _run(step, parsed[step], lines[step])
        if code:
            _say(number, step, "did not end well; the same command goes on there")
            return code
        if step == "crawl" and parsed[step].feed is None:
            unfinished.keep(lines["crawl"])
    unfinished.end()
    print(f"{root} is written; `catalog check {root}` looks at it", file=sys.stderr)
    return 0


def _run(step: str, options: argparse.Namespace, line: Sequence[str]) -> int:
    if step == "crawl" and options.feed is None:
        return crawl(line)
    try:
        return int(_command(step).run(options))
    except CatalogError as error:
        raise CatalogError(f"{step}: {error}") from error


def _parse(step: str, line: Sequence[str]) -> argparse.Namespace:
    """The options of a step, its own defaults among them."""
    parser = argparse.ArgumentParser(prog=f"catalog build: {step}")
    _command(step).add_arguments(parser)
    return parser.parse_args(line)


def _command(step: str) -> Any:
    return import_module(f"catalog.{step}.command")


def _source(options: argparse.Namespace) -> str:
    """For the data card."""
    if hasattr(options, "feed"):
        return f"the feed {options.feed.name}"
    if hasattr(options, "shop"):
        return f"a shop by the profile {Path(options.shop).name}"
    return f"a shop from {options.start} on"


def _say(number: int, step: str, what: str) -> None:
    print(f"step {number} of {len(_STEPS)}, {step}: {what}", file=sys.stderr, flush=True)
