"""``python -m gateway collect-pictures``: remove pictures that nobody refers to, and say so."""

import argparse
import asyncio
import sys
from typing import Final

from gateway.late_imports import late_imports
from gateway.picture_collection import LEAST_GRACE_S, CollectionRefused, Report, Rules
from gateway.settings import Settings
from retrieval.domain import Deadline
from retrieval.errors import DependencyError

_HOUR_S: Final = 3600.0
_LONGEST_RUN_S: Final = _HOUR_S
_DESCRIPTION: Final = """\
Remove the pictures that no product of any catalog refers to.

A picture that nobody refers to is first set aside, where it is still found, and a run after the
grace period removes it for good unless a product refers to it again. Reads the settings that the
gateway reads (QDRANT_URL, IMAGE_STORE, DATA_DIR...). May be ended at any moment and run again;
run it regularly, one at a time.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "collect-pictures",
        help="remove the pictures that no product refers to",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit status: 0 done, 1 refused or a part of the service failed, 2 a bad setting",
    )
    usual = Rules()
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would be done; change nothing"
    )
    parser.add_argument(
        "--grace-hours",
        type=_grace_hours,
        default=usual.grace_s / _HOUR_S,
        metavar="H",
        help="age before a picture is set aside, and again before it is removed (24; at least 2)",
    )
    parser.add_argument(
        "--batch",
        type=_whole,
        default=usual.batch,
        metavar="N",
        help="set aside at most N pictures and remove at most N (1000)",
    )
    parser.add_argument(
        "--most-share",
        type=_share,
        default=usual.most_share,
        metavar="S",
        help="refuse where more than this share of all pictures would go (0.5; 1 for all)",
    )
    parser.set_defaults(run=run)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Collect and say what was done; returns the exit status."""
    try:
        print(asyncio.run(_collect(settings, rules_of(options))))
    except CollectionRefused as error:
        print(f"gateway: refused, and nothing was changed: {error}.", file=sys.stderr)
        return 1
    except DependencyError as error:
        print(f"gateway: {error.dependency}: {error.sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gateway: ended; run it again to go on.", file=sys.stderr)
        return 1
    return 0


def rules_of(options: argparse.Namespace) -> Rules:
    """The rules that the options mean."""
    return Rules(
        grace_s=options.grace_hours * _HOUR_S,
        batch=options.batch,
        most_share=options.most_share,
        dry_run=options.dry_run,
    )


async def _collect(settings: Settings, rules: Rules) -> str:
    """Run once; returns what to print. Raises what the collection and the settings raise."""
    with late_imports():
        from gateway.wiring import build_picture_collection  # late: see __main__

    collection, close = build_picture_collection(settings)
    try:
        return told(await collection.run(rules, Deadline.after(_LONGEST_RUN_S)), rules)
    finally:
        await close()


def told(report: Report, rules: Rules) -> str:
    """A report in words."""
    hours = f"{rules.grace_s / _HOUR_S:g} h"
    would = "would be " if rules.dry_run else ""
    return "\n".join(
        [
            f"{report.kept:,} pictures; {report.products:,} products refer to "
            f"{report.referenced:,}; {report.unused:,} unused, {report.young:,} of them "
            f"younger than {hours}.",
            f"{report.set_aside:,} {would}set aside, {report.restored:,} {would}taken back, "
            f"{report.removed:,} {would}removed for good; {report.waiting:,} in the trash, "
            f"{report.left:,} left for the next run.",
        ]
    )


def _grace_hours(text: str) -> float:
    hours = float(text)
    if not hours * _HOUR_S >= LEAST_GRACE_S:
        raise argparse.ArgumentTypeError("2 hours or more: an import must have ended by then")
    return hours


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("more than 0 and at most 1")
    return share
