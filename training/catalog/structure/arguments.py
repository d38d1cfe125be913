"""Options about splits, of the commands that need to know them."""

import argparse
from pathlib import Path


def add_share_options(parser: argparse.ArgumentParser) -> None:
    """How large the splits are; None where nothing is said."""
    for name, purpose in (("val", "validate"), ("test", "test")):
        parser.add_argument(
            f"--{name}",
            type=_share,
            metavar="SHARE",
            help=f"share of products to {purpose} on (0.1; a data set keeps its own)",
        )


def add_split_options(parser: argparse.ArgumentParser) -> None:
    """For pairs that shall lie within the splits that `catalog structure` will make."""
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="DATASET",
        help="where `catalog structure` will write: pairs are chosen within its splits; without, "
        "a third of all pairs, and nearly all that could validate, reach over splits and are lost",
    )
    parser.add_argument(
        "--split-seed", type=int, metavar="N", help="of the draw of splits, as structure's --seed"
    )
    add_share_options(parser)


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError("a share is at least 0 and less than 1")
    return share
