"""Options of ``catalog caption``."""

import argparse
import math
from pathlib import Path
from typing import Final

from catalog.caption.terms import KEY_VARIABLE, MODEL
from catalog.structure.arguments import add_split_options

CAPTIONERS: Final = ("attributes", "openai")


def add_caption_options(parser: argparse.ArgumentParser) -> None:
    """Everything but the folder, for commands that caption on their way."""
    parser.add_argument(
        "--captioner",
        choices=CAPTIONERS,
        default="attributes",
        help="attributes: from what is known of the products, free of charge; openai: a model that"
        f" sees both pictures, with the key in {KEY_VARIABLE} (default: attributes)",
    )
    parser.add_argument(
        "--per-product",
        type=_whole,
        default=4,
        metavar="N",
        help="each product at most so often the reference, and as often the target (default: 4)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help="of the choice of pairs, and of the words of attributes (default: 1)",
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="tokenizer.json or vocab.txt of the model to be trained, to count its tokens exactly"
        " (default: an estimate from above)",
    )
    add_split_options(parser)
    _add_openai_options(parser.add_argument_group("openai captioner"))


def _add_openai_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", default=MODEL, help=f"which model (default: {MODEL})")
    group.add_argument(
        "--base-url",
        metavar="URL",
        help="a server that speaks OpenAI's chat completions (default: OpenAI's own)",
    )
    group.add_argument(
        "--concurrency",
        type=_whole,
        default=8,
        metavar="N",
        help="questions at a time (default: 8)",
    )
    for of in ("requests", "tokens"):
        group.add_argument(
            f"--{of}-per-minute", type=_above_zero, metavar="N", help="(default: no limit)"
        )
    group.add_argument(
        "--timeout",
        type=_above_zero,
        default=60.0,
        metavar="SECONDS",
        help="for one answer (default: 60)",
    )
    group.add_argument(
        "--budget",
        type=_dollars,
        default=5.0,
        metavar="DOLLARS",
        help="what all runs in the folder together may spend (default: 5)",
    )
    for name, what in (("input", "sent"), ("output", "written")):
        group.add_argument(
            f"--price-{name}",
            type=_dollars,
            metavar="DOLLARS",
            help=f"of a million tokens {what} (default: as published, for models that are known)",
        )
    group.add_argument(
        "--yes",
        action="store_true",
        help="start although the estimate is above the budget, and end where that is spent",
    )


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more: {text}")
    return number


def _dollars(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more: {text}")
    return number


def _above_zero(text: str) -> float:
    number = _dollars(text)
    if not number:
        raise argparse.ArgumentTypeError(f"must be above 0: {text}")
    return number
