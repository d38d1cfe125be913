"""What keeps a state dict, or a tensor of it, from fitting a model, told in one line."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

LISTED = 8


def fault(value: Tensor) -> str:
    """Why a tensor cannot become finite float32, as the end of a sentence; empty if it can."""
    dense = value.layout == torch.strided and not (value.is_nested or value.is_quantized)
    if not dense or value.is_complex() or value.is_meta:
        return "is not a dense tensor of real numbers"
    if value.is_floating_point() and not torch.isfinite(value.float()).all():
        return "holds values that are not finite in float32"
    return ""


def differences(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Missing, unexpected and misshapen names, at most `LISTED` of each; empty if all fits."""
    misshapen = (
        f"{name} {list(given[name].shape)} instead of {list(value.shape)}"
        for name, value in expected.items()
        if name in given and given[name].shape != value.shape
    )
    faults = (
        _told("missing", (name for name in expected if name not in given)),
        _told("unexpected", (name for name in given if name not in expected)),
        _told("misshapen", misshapen),
    )
    return "; ".join(fault for fault in faults if fault)


def _told(kind: str, names: Iterable[str]) -> str:
    every = list(names)
    if not every:
        return ""
    more = f" and {len(every) - LISTED} more" if len(every) > LISTED else ""
    return f"{len(every)} {kind}: {', '.join(every[:LISTED])}{more}"
