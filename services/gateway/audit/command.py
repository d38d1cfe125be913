"""``python -m gateway audit``: audit the index of the bundle now, whatever the schedule says.

It reads the gateway's settings, needs neither Triton nor a running gateway, and every replica
follows its choice within TUNING_REFRESH_S. It is a command and no call of the API, because it is
for whoever runs the shop: the API is open to shoppers, and an audit costs the index minutes.
"""

import argparse
import asyncio
import sys

from gateway.audit.recall import ENOUGH
from gateway.late_imports import late_imports
from gateway.settings import Settings
from retrieval.domain import Pooled, Scan, Tuning
from retrieval.errors import RecomposeError


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "audit",
        help="choose how the index is searched, by measured recall",
        description="Choose how the index is searched, by measured recall; settings are the "
        "gateway's, from the environment.",
        epilog="exit status: 0 an audit was made or none can be, 1 the index failed, 2 a bad "
        "setting",
    )
    parser.set_defaults(run=run)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Audit and say what was chosen; returns the exit status."""
    try:
        tuning = asyncio.run(_audit(settings))
    except RecomposeError as error:
        print(f"gateway: nothing was changed: {error.sentence}", file=sys.stderr)
        return 1
    print("there is nothing to compare yet" if tuning is None else sentence_of(tuning))
    return 0


async def _audit(settings: Settings) -> Tuning | None:
    with late_imports():
        from gateway.wiring import audit_of  # late: see __main__

    async with audit_of(settings) as audit:
        return await audit.run()


def sentence_of(tuning: Tuning) -> str:
    """What an audit chose, in words."""
    how = _in_words(tuning.route)
    if tuning.image_only_route is not None:
        how += f", image-only ones {_in_words(tuning.image_only_route)}"
    verdict = "" if tuning.recall >= ENOUGH else f", which is less than {ENOUGH}"
    return (
        f"searches take {how}: recall@50 {tuning.recall:.4f}{verdict} "
        f"({tuning.sample} questions, {tuning.products} products)"
    )


def _in_words(route: Pooled | Scan) -> str:
    if isinstance(route, Pooled):
        return f"{route.depth} candidates by pooled vector"
    return "the int8 scan"
