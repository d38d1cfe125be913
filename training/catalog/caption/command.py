"""``catalog caption DIR``: pairs are chosen from DIR/products.jsonl, and get two captions each.

Captions replace DIR/captions.jsonl. The openai captioner keeps every answer in DIR/answers/: the
same command again goes on where it ended, and asks (and pays) for nothing twice.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from catalog.caption.answers import Answers
from catalog.caption.arguments import add_caption_options
from catalog.caption.asking import Outcome, ask_all
from catalog.caption.chat import KEY_VARIABLE, Server
from catalog.caption.paid import Terms, paid_captioner, say_estimate
from catalog.caption.port import Question
from catalog.caption.questions import choose_questions
from catalog.caption.results import SET_ASIDE, write_captions, write_set_aside
from catalog.caption.spending import money, prices_of
from catalog.caption.stopping import Stopping
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
    paid = _terms(options) if options.captioner == "openai" else None
    counter = TokenCounter(options.tokenizer)
    pair_options = PairOptions(seed=options.seed, per_product=options.per_product)
    products = read_products(folder)
    questions = choose_questions(folder, products, pair_options, _parts(options, products))
    stopping = Stopping()
    if paid is None:
        asking = _ask_attributes(questions, counter, stopping)
    else:
        asking = _ask_model(*paid, folder, questions, counter, options.concurrency, stopping)
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


def _terms(options: argparse.Namespace) -> tuple[Server, Terms]:
    server = Server(
        options.model, options.base_url, os.environ.get(KEY_VARIABLE, ""), options.timeout
    )
    server.check()
    terms = Terms(
        prices_of(options.model, options.price_input, options.price_output),
        options.budget,
        options.yes,
        options.requests_per_minute,
        options.tokens_per_minute,
    )
    return server, terms


async def _ask_attributes(
    questions: Sequence[Question], counter: TokenCounter, stopping: Stopping
) -> Outcome:
    from catalog.caption.attributes_captioner import AttributesCaptioner

    with stopping.on_signals(), progress(len(questions), "captions", "pairs") as bar:
        return await ask_all(
            questions,
            AttributesCaptioner(),
            counter,
            workers=1,
            stopping=stopping.event,
            done=bar.update,
        )


async def _ask_model(
    server: Server,
    terms: Terms,
    folder: Path,
    questions: Sequence[Question],
    counter: TokenCounter,
    workers: int,
    stopping: Stopping,
) -> Outcome:
    with Answers(folder) as answers:
        spent_before = answers.dollars
        async with paid_captioner(server, terms, folder, answers, stopping.event) as (
            model,
            budget,
        ):
            say_estimate(model, server, terms, spent_before, questions)
            with stopping.on_signals(), progress(len(questions), "captions", "pairs") as bar:

                def done() -> None:
                    bar.set_postfix_str(money(budget.spent), refresh=False)
                    bar.update()

                outcome = await ask_all(
                    questions,
                    model,
                    counter,
                    workers=workers,
                    stopping=stopping.event,
                    kept=lambda question: model.kept(question) is not None,
                    done=done,
                )
        spent = answers.dollars
        print(f"{money(spent - spent_before)} spent, {money(spent)} in all runs")
        return outcome


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
