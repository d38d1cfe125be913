"""The command line's options."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from indexer.batches import MAX_PRODUCTS
from indexer.missing import Limit

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
service already has it leaves as it is. Rows that fail go to the dead-letter file, with what is
wrong and what to do.

A feed that lists all products of its catalog may have the others deleted (--delete-missing), once
every row was answered for. A row that failed counts as listed. Nothing is deleted where a row has
no readable id, where the feed changed meanwhile, or where more would go than --delete-at-most.
"""
_EPILOG = """\
example, for a folder of pictures beside a table of ids and labels:
  python -m indexer import products.csv --server localhost:50051 \\
    --image-template 'images/{id}.jpg' --title-template '{label}'

environment, for a service that asks who is calling:
  RECOMPOSE_API_KEY                       a key with the scopes catalog.write and catalog.read
  RECOMPOSE_TLS_CA                        roots of the service's certificate (PEM); implies TLS
  RECOMPOSE_TLS_CERT, RECOMPOSE_TLS_KEY   the importer's own certificate, if it asks for one

exit status: 0 every row was answered for, 1 stopped on the way (run again to go on) or
nothing was deleted though asked for, 2 the feed or an option cannot be used
"""


class Options(argparse.Namespace):
    """What was asked for, as `read_options` checked it."""

    file: Path
    server: str
    catalog: str
    image_template: str | None
    title_template: str | None
    state_dir: Path | None
    checkpoint: Path | None
    dead_letter: Path | None
    max_failures: Limit
    again: bool
    batch_size: int
    concurrency: int
    timeout: float
    retry_for: float
    delete_missing: bool
    show_missing: bool
    delete_at_most: Limit
    metrics_file: Path | None
    push_metrics: str | None


def read_options(arguments: Sequence[str] | None) -> Options:
    """Parse a command line; ``--help`` and errors of usage exit."""
    parser = _parser()
    options = parser.parse_args(arguments, namespace=Options())
    if options.push_metrics is not None and options.metrics_file is None:
        parser.error("--push-metrics needs --metrics-file, which remembers the last good import")
    return options


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
    add.add_argument(
        "--server",
        required=True,
        metavar="HOST:PORT",
        help="the service's gRPC port; by TLS as https://HOST:PORT",
    )
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
    missing = add.add_mutually_exclusive_group()
    missing.add_argument(
        "--delete-missing", action="store_true",
        help="afterwards, delete the catalog's products that the feed does not list",
    )  # fmt: skip
    missing.add_argument(
        "--show-missing", action="store_true",
        help="only print the ids of the products that would be deleted; import nothing",
    )  # fmt: skip
    add.add_argument(
        "--delete-at-most", default="20%", metavar="N", type=_limit,
        help="delete nothing where more products would go than this, as a count or a share of "
        "the catalog; default: 20%%",
    )  # fmt: skip
    add.add_argument(
        "--metrics-file", type=Path, metavar="FILE",
        help="how the import ended, for Prometheus (node_exporter's textfile collector); its name "
        "ends with .prom, and each feed has its own",
    )  # fmt: skip
    add.add_argument(
        "--push-metrics", type=_address, metavar="URL",
        help="also push what --metrics-file says to a Pushgateway, http://HOST:PORT",
    )  # fmt: skip
    add.add_argument(
        "--batch-size", type=_whole(MAX_PRODUCTS), default=32, metavar="N",
        help=f"rows in a call, at most {MAX_PRODUCTS}; default: %(default)s",
    )  # fmt: skip
    add.add_argument(
        "--concurrency", type=_whole(64), default=4, metavar="N",
        help="calls under way at once; default: %(default)s",
    )  # fmt: skip
    add.add_argument(
        "--timeout", type=_seconds, default=120.0, metavar="S",
        help="seconds that a call may take; default: %(default)g",
    )  # fmt: skip
    add.add_argument(
        "--retry-for", type=_seconds, default=120.0, metavar="S",
        help="seconds that a call is tried again while the service is out of reach or at its "
        "limit, and once in any case; default: %(default)g",
    )  # fmt: skip
    return parser


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError("http://HOST:PORT is needed")
    return text.rstrip("/")


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


def _limit(text: str) -> Limit:
    if not re.fullmatch(r"[0-9]{1,9}|[0-9]{1,3}(\.[0-9]+)?%", text):
        raise argparse.ArgumentTypeError("a count such as 20 or a share such as 1% is needed")
    return Limit(text)
