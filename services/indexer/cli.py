"""The command line. Exit codes: 0 all rows answered, 1 stopped on the way, 2 unusable input."""

import argparse
import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from indexer.batches import MAX_PRODUCTS
from indexer.client import CatalogClient, ServiceError
from indexer.feed import fingerprint, open_feed
from indexer.importer import Import, Plan, TooManyFailuresError
from indexer.product import Mapper
from indexer.progress import say
from indexer.rows import FeedError
from indexer.template import Template

_DESCRIPTION = """\
Import the products of a feed into a catalog.

A feed is JSON Lines (.jsonl) or CSV with a header (.csv), in UTF-8, one product a row:
  id     required; unique in its catalog
  title  text
  image  path of a JPEG, PNG or WebP (relative to the feed's folder), or an address, which the
         service fetches where it is set to
Every other field is an attribute; those in a JSON object 'attributes' are too. Empty values are
left out. A CSV column of nothing but numbers is sent as numbers, one of nothing but true and
false as booleans.

An import that broke off is taken up where the service last answered: run the same command again.
A feed that has changed, or a catalog that has lost its products, is imported anew; what the
service already has it leaves as it is. Rows that fail go to the dead-letter file with the reason.
"""
_EPILOG = """\
example, for a folder of pictures beside a table of ids and labels:
  python -m indexer import products.csv --server localhost:50051 \\
    --image-template 'images/{id}.jpg' --title-template '{label}'

exit status: 0 every row was answered for, 1 stopped on the way (run again to go on),
2 the feed or an option cannot be used
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m indexer``; answer with the exit status."""
    options = _parser().parse_args(arguments)
    try:
        plan = _plan(options)
    except FeedError as error:
        return _fail(str(error), 2)
    try:
        return asyncio.run(_import(plan, options))
    except FeedError as error:
        return _fail(str(error), 2)


async def _import(plan: Plan, options: argparse.Namespace) -> int:
    status = 1
    async with CatalogClient(
        options.server,
        options.catalog,
        timeout_s=options.timeout,
        retry_for_s=options.retry_for,
        on_retry=say,
    ) as client:
        run = Import(plan, client)
        task = asyncio.ensure_future(run.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
            status = 0
        except asyncio.CancelledError:
            _fail("Interrupted; run the same command again to go on.", 1)
        except ServiceError as error:
            _fail(f"{error} Run the same command again to go on.", 1)
        except TooManyFailuresError:
            _fail(
                f"Stopped: more than {options.max_failures} of the rows failed; {plan.dead_letter} "
                "says why. Mend the feed, or use --again once the service is mended.",
                1,
            )
        except OSError as error:
            _fail(
                f"{error.filename or plan.checkpoint} cannot be written: {error.strerror}. "
                "--state-dir puts the import's own files elsewhere.",
                1,
            )
    state = run.state
    sys.stdout.write(
        f"imported {state.imported}, unchanged {state.unchanged}, failed {state.failed}, "
        f"of {plan.feed.rows} rows\n"
    )
    return status


def _plan(options: argparse.Namespace) -> Plan:
    feed = open_feed(options.file)
    state_dir: Path = options.state_dir or feed.path.parent
    with contextlib.suppress(OSError):
        state_dir.mkdir(parents=True, exist_ok=True)
    image, title = options.image_template, options.title_template
    return Plan(
        feed=feed,
        mapper=Mapper(
            folder=feed.path.parent,
            image=Template(image) if image else None,
            title=Template(title) if title else None,
        ),
        catalog=options.catalog,
        checkpoint=options.checkpoint or state_dir / f"{feed.path.name}.checkpoint.json",
        key=fingerprint(options.catalog, image or "", title or "", feed.columns),
        dead_letter=options.dead_letter or state_dir / f"{feed.path.name}.dead-letter.jsonl",
        batch_size=options.batch_size,
        concurrency=options.concurrency,
        max_failures=_max_failures(options.max_failures, feed.rows),
        again=options.again,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer", description="Fill a catalog from a shop's feed."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add = commands.add_parser(
        "import",
        help="import a feed's products",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument("file", type=Path, metavar="FILE", help="the feed")
    add.add_argument("--server", required=True, metavar="HOST:PORT", help="the service's gRPC port")
    add.add_argument("--catalog", default="default", metavar="NAME", help="default: %(default)s")
    add.add_argument(
        "--image-template", metavar="TEXT", help="path or address of a row's picture, with fields "
        "in braces; takes the place of 'image'",
    )  # fmt: skip
    add.add_argument("--title-template", metavar="TEXT", help="likewise for the title")
    add.add_argument(
        "--state-dir", type=Path, metavar="DIR",
        help="where the two files below lie; default: beside the feed",
    )  # fmt: skip
    add.add_argument("--checkpoint", type=Path, metavar="FILE", help="how far the import has come")
    add.add_argument("--dead-letter", type=Path, metavar="FILE", help="rows that failed, and why")
    add.add_argument(
        "--max-failures", default="1%", metavar="N", type=_limit,
        help="stop when more rows than this fail, as a count or a share; default: 1%%",
    )  # fmt: skip
    add.add_argument(
        "--again", action="store_true", help="send every row, also those already answered for"
    )
    add.add_argument(
        "--batch-size", type=_whole(MAX_PRODUCTS), default=64, metavar="N",
        help=f"rows in a call, at most {MAX_PRODUCTS}; default: %(default)s",
    )  # fmt: skip
    add.add_argument(
        "--concurrency", type=_whole(64), default=2, metavar="N",
        help="calls under way at once; default: %(default)s",
    )  # fmt: skip
    add.add_argument(
        "--timeout", type=_seconds, default=120.0, metavar="S",
        help="seconds that a call may take; default: %(default)g",
    )  # fmt: skip
    add.add_argument(
        "--retry-for", type=_seconds, default=120.0, metavar="S",
        help="seconds that a call is tried again while the service is out of reach or at its "
        "limit; default: %(default)g",
    )  # fmt: skip
    return parser


def _whole(largest: int) -> "type[int]":
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= largest:
            raise argparse.ArgumentTypeError(f"a whole number from 1 to {largest} is needed")
        return int(text)

    return parse  # type: ignore[return-value]


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text) or float(text) == 0:
        raise argparse.ArgumentTypeError("a number of seconds is needed")
    return float(text)


def _limit(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,9}|[0-9]{1,3}(\.[0-9]+)?%", text):
        raise argparse.ArgumentTypeError("a count such as 20 or a share such as 1% is needed")
    return text


def _max_failures(limit: str, rows: int) -> float:
    return float(limit[:-1]) / 100 * rows if limit.endswith("%") else float(limit)


def _fail(sentence: str, status: int) -> int:
    say(f"indexer: {sentence}")
    return status
