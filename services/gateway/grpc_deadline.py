"""The deadline of a gRPC call."""

from typing import Any

from retrieval.domain import Deadline


def call_deadline(context: Any, budget_s: float) -> Deadline:
    """The caller's deadline (``grpc-timeout``), at most ``budget_s`` from now."""
    remaining_s = context.time_remaining()
    return Deadline.after(budget_s if remaining_s is None else min(remaining_s, budget_s))
