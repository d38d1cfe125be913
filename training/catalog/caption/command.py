"""``catalog caption DIR``: pairs are chosen from DIR/products.jsonl, and get two captions each.

Captions replace DIR/captions.jsonl. The openai captioner keeps every answer in DIR/answers/: the
same command again goes on where it ended, and asks (and pays) for nothing twice.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from catalog.caption.arguments import add_caption_options
from catalog.caption.asking import Outcome, ask_all
from catalog.caption.attributes_captioner import AttributesCaptioner
from catalog.caption.port import Question
from catalog.caption.questions import choose_questions
from catalog.caption.results import SET_ASIDE, write_captions, write_set_aside
from catalog.caption.stopping import Stopping
from catalog.caption.terms import read_terms
from catalog.caption.tokens import TokenCounter
from catalog.errors import CatalogError
from catalog.products import Product, read_products
from catalog.progress import progress
from catalog.selection.options import PairOptions
from catalog.structure.begin import SharesWanted, begin
from catalog.structure.folder import ids_by_split


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, and what `add_caption_options` adds."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="what `catalog crawl` wrote: products and images"
    )
    add_caption_options(parser)


def run(options: argparse.Namespace) -> int:
    """Caption the pairs of a folder; 0 when none is left open. Raises `CatalogError`, `OSError`."""
    folder: Path = options.folder
    paid = read_terms(options) if options.captioner == "openai" else None
    counter = TokenCounter(options.tokenizer)
    pair_options = PairOptions(seed=options.seed, per_product=options.per_product)
    products = read_products(folder)
    questions = choose_questions(folder, products, pair_options, _parts(options, products))
    stopping = Stopping()
    if paid is None:
        asking = _ask_attributes(options.seed, questions, counter, stopping)
    else:
        from catalog.caption.paid import ask_model  # the SDK takes a second to import

        asking = ask_model(*paid, folder, questions, counter, stopping)
    try:
        outcome = asyncio.run(asking)
    except asyncio.CancelledError:
        print("ended at once; the same command goes on", file=sys.stderr)
        return stopping.exit_code or 1
    return _conclude(folder, questions, outcome, stopping)


def _parts(
    options: argparse.Namespace, products: Sequence[Product]
) -> Sequence[frozenset[str]] | None:
    """The ids of each split, where it is known to which data set the pairs go."""
    if options.dataset is None:
        return None
    wanted = SharesWanted(options.val, options.test, options.split_seed)
    return ids_by_split(options.folder, products, *begin(options.dataset, wanted))


async def _ask_attributes(
    seed: int, questions: Sequence[Question], counter: TokenCounter, stopping: Stopping
) -> Outcome:
    with stopping.on_signals(), progress(len(questions), "captions", "pairs") as bar:
        return await ask_all(
            questions,
            AttributesCaptioner(seed),
            counter,
            workers=1,
            stopping=stopping.event,
            done=bar.update,
        )


def _conclude(
    folder: Path, questions: Sequence[Question], outcome: Outcome, stopping: Stopping
) -> int:
    """Write what there is, say it, and say what is missing."""
    if isinstance(outcome.ended, OSError):
        raise outcome.ended
    complete = not outcome.still_open
    if outcome.captioned or complete:
        write_captions(folder, outcome.captioned)
        write_set_aside(folder, outcome.set_aside)
    print(f"{len(outcome.captioned):,} of {len(questions):,} pairs captioned")
    if outcome.set_aside:
        print(f"{len(outcome.set_aside):,} set aside, with reasons in {folder / SET_ASIDE}")
    sys.stdout.flush()
    if complete:
        return 0
    goes_on = f"{outcome.still_open:,} pairs are open, and the same command goes on with them"
    if stopping.exit_code is not None:
        print(f"interrupted: {goes_on}", file=sys.stderr)
        return stopping.exit_code
    why = outcome.ended or outcome.why_open
    raise CatalogError(f"{why}; {goes_on}")
