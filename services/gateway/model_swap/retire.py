"""Removing a model: its collection, its graphs in Triton, what was published of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from gateway.model_swap.parts import SwapParts, SwapRefused, patiently

Unpublish = Callable[[str], Awaitable[None]]
"""Takes a model, by short digest, from Triton and from the folders; none of it need be there."""


async def retire(parts: SwapParts, model: str, unpublish: Unpublish, *, force: bool) -> None:
    """Remove a model that is not live. May be killed and run again.

    The collection goes first: gateways then neither take it for one to delete products from, nor
    page its rankings.

    Args:
        force: also the model that a roll-back would go to.

    Raises `SwapRefused`, `RecomposeError`, and what ``unpublish`` raises.
    """
    models = await patiently(parts.registry.models)
    if models.live == model:
        raise SwapRefused(f"{model} is live")
    if models.live is not None:
        record = await patiently(partial(parts.registry.record, models.live))
        if record.unsettled and record.synchronised_from == model:
            raise SwapRefused(
                f"the change from {model} to {models.live} is not complete: run the same switch or "
                "roll-back again"
            )
        if record.previous == model:
            if not force:
                raise SwapRefused(f"{model} is what a roll-back would go to: say --force")
            await patiently(
                partial(parts.registry.keep_record, models.live, replace(record, previous=""))
            )
    await patiently(partial(parts.registry.drop, model))
    await unpublish(model)
    parts.say(f"{model} is retired")
