"""What the steps found, in words."""

import math
from collections.abc import Sequence

from gateway.model_swap.compare import Comparison
from gateway.model_swap.status import ModelStatus


def comparison(found: Comparison, model: str) -> str:
    """The figures of a comparison."""
    live, other = found.finds_itself
    composed = (
        "no composed questions, since the products have no titles"
        if math.isnan(found.composed_overlap)
        else f"overlap@10 of composed questions {found.composed_overlap:.2f} ({found.composed})"
    )
    return "\n".join(
        [
            f"{found.products} products: overlap@10 of pictures {found.picture_overlap:.2f}; "
            f"{composed}.",
            f"A product's own picture finds it first: {live:.1%} under the live model, "
            f"{other:.1%} under {model}.",
        ]
    )


def statuses(models: Sequence[ModelStatus]) -> str:
    """One line or two for each model."""
    return "\n".join(_status(model) for model in models) or "there is no model yet"


def _status(model: ModelStatus) -> str:
    if not model.name:
        return f"{model.model}  {'live; ' if model.live else ''}its bundle is not here"
    audited = (
        "not audited"
        if model.tuning is None
        else f"recall@50 {model.tuning.recall:.4f} over {model.tuning.products:,} products"
    )
    record = model.record
    words = [
        *(["live"] if model.live else []),
        model.name,
        f"{model.products:,} products",
        audited,
        "Triton answers" if model.answers else "Triton does not answer",
        *([f"copied from {record.synchronised_from}"] if record.synchronised_from else []),
        *([f"{record.left_out:,} left out"] if record.left_out else []),
        *([f"rolls back to {record.previous}"] if record.previous else []),
        *(["its change is not complete"] if record.unsettled and model.live else []),
    ]
    return f"{model.model}  " + "; ".join(words)
