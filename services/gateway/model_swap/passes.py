"""A pass of synchronisation, and what is said about it."""

from gateway.model_swap.parts import SwapParts
from gateway.model_swap.synchronise import Report, Synchronisation


async def told_pass(
    parts: SwapParts, source: str, target: str, since_s: float | None = None
) -> Report:
    """Make one pass from a model to another, and say what it did. Raises `RecomposeError`."""
    report = await Synchronisation(parts, parts.side(source), parts.side(target)).run(since_s)
    for product in report.left_out:
        parts.say(
            f"left out: {product.catalog}/{product.id}, whose picture is missing or damaged in "
            "the image store"
        )
    own = f", {report.own:,} newer in {target}" if report.own else ""
    parts.say(
        f"{source} to {target}: {report.seen:,} products, {report.embedded:,} embedded, "
        f"{report.updated:,} updated, {report.deleted:,} deleted{own}, "
        f"{len(report.left_out):,} left out"
    )
    return report
