"""Moving the alias to another model, and bringing over what was written around the move.

    1. A pass from the live model to the next one, then short ones over what was written since,
       until one finds next to nothing.
    2. The record of the next model says that its predecessor is unsettled, then the alias moves.
    3. Gateways follow within a second or so. A write that one of them had begun before may still
       reach the old collection: it asked for the alias at most `TRUSTED_S` before, and one call to
       the index takes at most `BULK_BUDGET_S`. So a short pass is made at once, and a whole one
       after that time, when nothing writes there any more. Then the record says settled.

Guaranteed, once this has ended: what any gateway acknowledged, before the move or around it, is in
the model that is live; where the same product was written on both sides of the move, the write
under the new model stays. Until then a product that was written in those seconds may be missing
under the new model, or be as it was before. The exception is a gateway that was stopped for longer
than that time in the midst of a write, and then went on.

A kill at any moment leaves the alias at one model or the other, and the step, run again, goes on.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from gateway.model_swap.parts import SwapParts, SwapRefused, patiently
from gateway.model_swap.passes import told_pass
from gateway.model_swap.synchronise import Report
from gateway.spaces import TRUSTED_S
from retrieval.bundle_age import older_than
from retrieval.domain import SwapRecord
from retrieval.ports import BULK_BUDGET_S

SETTLE_S: Final = TRUSTED_S + BULK_BUDGET_S + 1.0
_MOST_PASSES: Final = 5
_EARLIER_S: Final = 600.0
"""How much earlier than a short pass is said to begin it does: a product tells when its import
began, by its gateway's clock."""
_FEW: Final = 16
"""What a pass may find and still be the last one before the move: the pass after it is as short."""


async def switch(
    parts: SwapParts,
    model: str,
    *,
    change_share: float,
    leave_out: int = 0,
    allow_older: bool = False,
) -> None:
    """Make a model live that was backfilled and audited.

    Args:
        change_share: of the products that the audit saw; where more have come or gone since, it
            has to be made again.
        leave_out: products that may be missing for want of a whole picture.
        allow_older: whether it may have been trained before the live one. `rollback` never asks.

    Raises `SwapRefused` and `RecomposeError`.
    """
    models = await patiently(parts.registry.models)
    if models.live == model:
        await settle(parts, model, leave_out=leave_out)
        parts.say(f"{model} is live")
        return
    if models.live is None:
        raise SwapRefused("no model is live yet: the first gateway makes its own so")
    record = await _record(parts, model) if model in models.all else SwapRecord()
    if not record.synchronised_from:
        raise SwapRefused(f"the backfill of {model} has not ended: run 'model backfill {model}'")
    if not allow_older:
        _require_newer(parts, model, models.live)
    await _require_audit(parts, model, change_share)
    await settle(parts, models.live, leave_out=leave_out)
    await _move(parts, models.live, model, previous=models.live, leave_out=leave_out)


async def rollback(parts: SwapParts, *, leave_out: int = 0) -> None:
    """Make the model live again that was so before the last switch.

    Raises `SwapRefused` and `RecomposeError`.
    """
    live = (await patiently(parts.registry.models)).live
    record = SwapRecord() if live is None else await _record(parts, live)
    if live is not None and record.unsettled:
        await settle(parts, live, leave_out=leave_out)
        if not record.previous:
            parts.say(f"{live} is live: the roll-back that was cut short is complete")
            return
    if live is None or not record.previous:
        raise SwapRefused("there is no model to roll back to: use 'model switch MODEL'")
    await _move(parts, live, record.previous, previous="", leave_out=leave_out)


async def settle(parts: SwapParts, live: str, *, leave_out: int = 0) -> None:
    """Bring over what the live model's predecessor still got, where that was not done yet."""
    record = await _record(parts, live)
    if not record.unsettled:
        return
    source = record.synchronised_from
    await told_pass(parts, source, live, record.synchronised_at_s - _EARLIER_S)
    parts.say(f"waiting {SETTLE_S:g} s for writes that gateways began under {source}")
    await parts.sleep(SETTLE_S)
    _require_whole(await told_pass(parts, source, live), leave_out)
    await _keep(parts, live, replace(record, unsettled=False))


async def _move(parts: SwapParts, live: str, model: str, *, previous: str, leave_out: int) -> None:
    target = parts.side(model)
    await patiently(target.space.encoder.check)
    await patiently(target.ensure)
    await patiently(target.copies.take_all_for_copies)
    began_s = parts.now()
    whole = report = await told_pass(parts, live, model)
    _require_whole(whole, leave_out)
    for _ in range(_MOST_PASSES):
        if report.changed <= _FEW:
            break
        since_s, began_s = began_s, parts.now()
        report = await told_pass(parts, live, model, since_s - _EARLIER_S)
    record = SwapRecord(
        synchronised_from=live,
        synchronised_at_s=began_s,
        left_out=len(whole.left_out),
        previous=previous,
        unsettled=True,
    )
    await _keep(parts, model, record)
    await patiently(partial(parts.registry.move, model))
    parts.say(f"{model} is live; gateways follow within a second or so")
    await settle(parts, model, leave_out=leave_out)


def _require_newer(parts: SwapParts, model: str, live: str) -> None:
    if told := older_than(parts.side(model).space.bundle, parts.side(live).space.bundle):
        raise SwapRefused(
            f"{told}, which is live: use 'model rollback' if that was live before, or --allow-older"
        )


async def _require_audit(parts: SwapParts, model: str, change_share: float) -> None:
    audits = parts.side(model).space.audits
    tuning = await patiently(audits.tuning)
    if tuning is None:
        raise SwapRefused(f"{model} was not audited: run 'model audit {model}'")
    products = await patiently(audits.count)
    if abs(products - tuning.products) > max(1.0, change_share * tuning.products):
        raise SwapRefused(
            f"the audit of {model} saw {tuning.products:,} products, and there are "
            f"{products:,} now: run 'model audit {model}'"
        )


def _require_whole(report: Report, leave_out: int) -> None:
    if len(report.left_out) > leave_out:
        raise SwapRefused(
            f"{len(report.left_out):,} of the products cannot be embedded, since their pictures "
            "are missing or damaged: mend them by importing them again, or accept so many with "
            "--leave-out"
        )


async def _record(parts: SwapParts, model: str) -> SwapRecord:
    return await patiently(partial(parts.registry.record, model))


async def _keep(parts: SwapParts, model: str, record: SwapRecord) -> None:
    await patiently(partial(parts.registry.keep_record, model, record))
