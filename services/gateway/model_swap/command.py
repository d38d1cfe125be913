"""``python -m gateway model STEP``: swap the model that is live, step by step, without a pause."""

import argparse
import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.audit.command import sentence_of
from gateway.late_imports import late_imports
from gateway.model_swap import told
from gateway.model_swap.backfill import backfill
from gateway.model_swap.change import rollback, switch
from gateway.model_swap.compare import compare
from gateway.model_swap.parts import SwapParts, SwapRefused
from gateway.model_swap.progress import complain, say, shown
from gateway.model_swap.publish import Published
from gateway.model_swap.retire import retire
from gateway.model_swap.status import status
from gateway.settings import Settings
from publisher.bundles import OlderModel
from publisher.repository import PublishError
from retrieval.errors import DependencyError, RecomposeError

if TYPE_CHECKING:
    from gateway.swap_wiring import Sides

_FAILED: Final = 1
_REFUSED: Final = 3
_LEFT_OUT: Final = 4
_DESCRIPTION: Final = """\
Swap the model that is live, without a pause: publish the next one's bundle, backfill and audit its
index beside the live one, compare their answers, switch; roll back, or retire the old one.

MODEL is the first 12 hex digits of a bundle's digest. Settings are the gateway's, from the
environment. Each step may be ended at any moment and run again, and goes on; run one at a time.
"""
_EPILOG: Final = """\
exit status: 0 done; 1 a part of the service failed, run it again; 2 a bad setting or argument;
3 refused, since a step before it is missing or it does not fit, with nothing changed by it;
4 done, but products were left out, since their pictures are missing or damaged (backfill)
"""
_Step = Callable[[SwapParts, "Sides"], Awaitable[int]]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its steps."""
    parser = commands.add_parser(
        "model",
        help="swap the model that is live, without a pause",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)

    def step(name: str, help: str, *, of_model: bool = True) -> argparse.ArgumentParser:
        added = steps.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if of_model:
            added.add_argument("model", type=_model, metavar="MODEL", help="12 hex digits")
        return added

    publish = step("publish", "load a bundle into Triton and show it to gateways", of_model=False)
    publish.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder with bundle.json")
    publish.add_argument(
        "--timeout-s", type=float, default=300.0, help="how long Triton may take (300)"
    )
    publish.add_argument(
        "--allow-older",
        action="store_true",
        help="although it was trained before one that is published",
    )
    step("backfill", "bring a model's index up to the live one's")
    step("audit", "choose how a model's index is searched, by measured recall")
    compared = step("compare", "see how much a model's answers agree with the live model's")
    compared.add_argument(
        "--sample", type=_whole, default=50, metavar="N", help="products to ask about (50)"
    )
    switched = step("switch", "make a model live that was backfilled and audited")
    switched.add_argument(
        "--allow-older", action="store_true", help="although it was trained before the live one"
    )
    back = step("rollback", "make the model live again that was so before", of_model=False)
    for added in (switched, back):
        added.add_argument(
            "--leave-out",
            type=_whole_or_none,
            default=0,
            metavar="N",
            help="products that may be missing for want of a whole picture (0)",
        )
    retired = step("retire", "remove a model: its index, its graphs, its rules")
    retired.add_argument(
        "--force", action="store_true", help="also the one that a roll-back would go to"
    )
    for added in (publish, retired):
        added.add_argument(
            "--repository",
            type=Path,
            metavar="DIR",
            help="the model repository that Triton reads (TRITON_ADMIN_KEY holds the key of its "
            "API, where that is restricted); without it Triton is left to others",
        )
    step("status", "tell where each model stands", of_model=False)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Make one step; returns the exit status."""
    try:
        return asyncio.run(_run(settings, options))
    except (SwapRefused, OlderModel) as error:
        complain(f"gateway: refused: {error}.")
        return _REFUSED
    except PublishError as error:
        complain(f"gateway: {error}.")
    except DependencyError as error:
        complain(f"gateway: {error.dependency}: {error.sentence} Run it again.")
    except RecomposeError as error:
        complain(f"gateway: {error.sentence}")
    except KeyboardInterrupt:
        complain("gateway: ended; run it again to go on.")
    return _FAILED


async def _run(settings: Settings, options: argparse.Namespace) -> int:
    with late_imports():
        from gateway.swap_wiring import swap_parts  # late: see __main__

    async with swap_parts(settings, say, shown) as (parts, sides):
        return await _step(settings, options)(parts, sides)


def _step(settings: Settings, options: argparse.Namespace) -> _Step:
    """What to do. An OSError of files is told as a failure, not as a port's."""

    def published() -> Published:
        return Published(settings.triton_url, options.repository, settings.published_bundles)

    async def publish(parts: SwapParts, sides: "Sides") -> int:
        try:
            model = await published().publish(
                options.bundle, options.timeout_s, allow_older=options.allow_older
            )
        except OSError as error:
            raise PublishError(f"cannot publish: {error.strerror}") from None
        say(f"published {model}; gateways hold it once it has an index: 'model backfill {model}'")
        return 0

    async def fill(parts: SwapParts, sides: "Sides") -> int:
        return _LEFT_OUT if await backfill(parts, options.model) else 0

    async def audit(parts: SwapParts, sides: "Sides") -> int:
        tuning = await sides.audit(options.model).run()
        say("there is nothing to compare yet" if tuning is None else sentence_of(tuning))
        return 0

    async def agree(parts: SwapParts, sides: "Sides") -> int:
        found = await compare(parts, options.model, sample=options.sample)
        say(told.comparison(found, options.model))
        return 0

    async def change(parts: SwapParts, sides: "Sides") -> int:
        await switch(
            parts,
            options.model,
            change_share=settings.audit_change_share,
            leave_out=options.leave_out,
            allow_older=options.allow_older,
        )
        return 0

    async def back(parts: SwapParts, sides: "Sides") -> int:
        await rollback(parts, leave_out=options.leave_out)
        return 0

    async def remove(parts: SwapParts, sides: "Sides") -> int:
        try:
            await retire(parts, options.model, published().unpublish, force=options.force)
        except OSError as error:
            raise PublishError(f"cannot remove files: {error.strerror}") from None
        return 0

    async def tell(parts: SwapParts, sides: "Sides") -> int:
        say(told.statuses(await status(parts)))
        return 0

    steps: dict[str, _Step] = {
        "publish": publish,
        "backfill": fill,
        "audit": audit,
        "compare": agree,
        "switch": change,
        "rollback": back,
        "retire": remove,
        "status": tell,
    }
    return steps[options.step]


def _model(text: str) -> str:
    model = text.lower()[:12]
    if not re.fullmatch(r"[0-9a-f]{12}", model):
        raise argparse.ArgumentTypeError("the first 12 hex digits of a bundle's digest")
    return model


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number


def _whole_or_none(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("0 or more")
    return number
