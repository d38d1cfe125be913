"""Where each model stands."""

from dataclasses import dataclass
from functools import partial

from gateway.model_swap.parts import Side, SwapParts, SwapRefused, patiently
from retrieval.domain import Deadline, SwapRecord, Tuning
from retrieval.errors import RecomposeError


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What there is of a model.

    Attributes:
        model: short digest.
        name: of the bundle; empty where the bundle is not here.
        live: the alias names it.
        answers: Triton answers with its graphs; False also where the bundle is not here.
        products: in its collection.
        tuning: what its last audit chose.
        record: how far a swap to it has come.
    """

    model: str
    name: str
    live: bool
    answers: bool
    products: int
    tuning: Tuning | None
    record: SwapRecord


async def status(parts: SwapParts) -> list[ModelStatus]:
    """All models that have a collection, the live one first. Raises `RecomposeError`."""
    models = await patiently(parts.registry.models)
    found = []
    for model in sorted(models.all, key=lambda one: (one != models.live, one)):
        record = await patiently(partial(parts.registry.record, model))
        try:
            side = parts.side(model)
        except SwapRefused:
            found.append(ModelStatus(model, "", model == models.live, False, 0, None, record))
            continue
        found.append(
            ModelStatus(
                model,
                side.space.bundle.name,
                model == models.live,
                await _answers(side),
                await patiently(side.space.audits.count),
                await patiently(side.space.audits.tuning),
                record,
            )
        )
    return found


async def _answers(side: Side) -> bool:
    try:
        await side.space.encoder.check(Deadline.after(10.0))
    except RecomposeError:
        return False
    return True
