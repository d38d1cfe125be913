"""``python -m catalog structure DIR --output DATASET``."""

import argparse
import sys
from pathlib import Path

from catalog.interrupt import sigterm_interrupts
from catalog.structure.arguments import add_share_options
from catalog.structure.begin import SharesWanted
from catalog.structure.card import CardNotes
from catalog.structure.dataset import build_dataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="what crawl and caption wrote")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DATASET", help="folder of the data set"
    )
    add_share_options(parser)
    parser.add_argument(
        "--seed", type=int, help="of the draw of splits (1; a data set keeps its own)"
    )
    parser.add_argument(
        "--smallest",
        type=int,
        default=1,
        metavar="N",
        help="categories with fewer validation pictures are together in `other` (1); 50 or more "
        "keeps recall at 50 from being 100 for any model",
    )
    parser.add_argument(
        "--source", default="", metavar="NAME", help="for DATACARD.md: name of the feed or shop"
    )
    parser.add_argument("--license", default="", help="for DATACARD.md: the data set's licence")
    parser.add_argument(
        "--source-note", default="", help="for DATACARD.md: where the pictures come from"
    )


def run(options: argparse.Namespace) -> int:
    """Write the data set. Raises `CatalogError`."""
    notes = CardNotes(options.license, options.source_note, options.source)
    with sigterm_interrupts():
        written = build_dataset(
            options.folder, options.output, shares_wanted(options), notes, options.smallest
        )
    print(written.sentence(), file=sys.stderr)
    return 0


def shares_wanted(options: argparse.Namespace) -> SharesWanted:
    """What was asked of the splits."""
    return SharesWanted(options.val, options.test, options.seed)
