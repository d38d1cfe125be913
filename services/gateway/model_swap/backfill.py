"""Filling a model's collection from the live one's products and the image store."""

from dataclasses import replace
from functools import partial

from gateway.model_swap.change import settle
from gateway.model_swap.parts import SwapParts, SwapRefused, patiently
from gateway.model_swap.passes import told_pass


async def backfill(parts: SwapParts, model: str) -> int:
    """Bring a model's collection up to the live one's; returns how many products were left out.

    May be killed and run again, as often as one likes. Raises `SwapRefused` where the model is
    live, and `RecomposeError`.
    """
    live = (await patiently(parts.registry.models)).live
    if live is None:
        raise SwapRefused("no model is live yet, so there is nothing to copy")
    if live == model:
        raise SwapRefused(f"{model} is live already")
    await settle(parts, live)
    target = parts.side(model)
    await patiently(target.ensure)
    await patiently(target.copies.take_all_for_copies)
    began_s = parts.now()
    report = await told_pass(parts, live, model)
    record = await patiently(partial(parts.registry.record, model))
    done = replace(
        record,
        synchronised_from=live,
        synchronised_at_s=began_s,
        left_out=len(report.left_out),
        unsettled=False,
    )
    await patiently(partial(parts.registry.keep_record, model, done))
    return len(report.left_out)
