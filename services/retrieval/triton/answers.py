"""What Triton's answers mean: which error a status stands for, and which arrays can be used; and
what a trace is told of its calls."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import F32Array, TraceValue
from retrieval.errors import (
    DependencyBroken,
    DependencyError,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
)

DEPENDENCY: Final = "triton"
SERVICE: Final = "inference.GRPCInferenceService"

STATUS_ERRORS: Final[Mapping[str, type[DependencyError]]] = {
    "CANCELLED": DependencyUnavailable,  # by the server: our own cancels never come back
    "UNKNOWN": DependencyBroken,
    "INVALID_ARGUMENT": DependencyBroken,  # what is sent was checked: the graph is another one
    "DEADLINE_EXCEEDED": DependencyTimeout,
    "NOT_FOUND": DependencyUnavailable,  # the model is not loaded, or not yet
    "ALREADY_EXISTS": DependencyBroken,
    "PERMISSION_DENIED": DependencyBroken,
    "UNAUTHENTICATED": DependencyBroken,
    "RESOURCE_EXHAUSTED": DependencyExhausted,
    "FAILED_PRECONDITION": DependencyBroken,
    "ABORTED": DependencyUnavailable,
    "OUT_OF_RANGE": DependencyBroken,
    "UNIMPLEMENTED": DependencyBroken,
    "INTERNAL": DependencyBroken,
    "UNAVAILABLE": DependencyUnavailable,
    "DATA_LOSS": DependencyBroken,
}
"""What each gRPC status of an answer means to us."""

MESSAGE_ERRORS: Final[Mapping[str, type[DependencyError]]] = {
    # Triton answers a full queue and an expired queue entry with UNAVAILABLE, and memory that
    # ran out with INTERNAL: only the words tell them from a server that is down or broken.
    "maximum queue size": DependencyExhausted,
    "timeout expired": DependencyTimeout,
    "out of memory": DependencyExhausted,
    "failed to allocate": DependencyExhausted,
    "shared memory": DependencyExhausted,
}
"""Words of a message (lower case) that say more than its status."""

OUTCOMES: Final[Mapping[type[DependencyError], str]] = {
    DependencyUnavailable: "unavailable",
    DependencyTimeout: "timeout",
    DependencyExhausted: "exhausted",
    DependencyBroken: "broken",
}
"""The outcome that a metric counts for each error."""


def call_attributes(address: str, graph: str, model: str, digest: str) -> dict[str, TraceValue]:
    """What a trace says of every call for one graph of one model, published as ``model``."""
    host, _, port = address.rpartition(":")
    attributes: dict[str, TraceValue] = {
        "rpc.system.name": "grpc",
        "server.address": host,
        "recompose.model.graph": graph,
        "recompose.model.name": model,
        "recompose.model.digest": digest,
    }
    return attributes | ({"server.port": int(port)} if port.isdecimal() else {})


_NORM_TOLERANCE = 0.02  # a float16 export normalises to about 1e-3


def error_of(status: str | None, message: str | None) -> type[DependencyError]:
    """The error that a gRPC status (``StatusCode.UNAVAILABLE``) and its message stand for."""
    words = (message or "").lower()
    for fragment, error in MESSAGE_ERRORS.items():
        if fragment in words:
            return error
    return STATUS_ERRORS.get((status or "").removeprefix("StatusCode."), DependencyBroken)


def require_input(array: NDArray[Any], dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array, if it is [B, *shape] of this dtype; raises ValueError, for that is our bug."""
    if array.dtype != dtype or array.shape[1:] != shape:
        raise ValueError(
            f"expected {np.dtype(dtype)} [B, *{shape}], got {array.dtype} {array.shape}"
        )
    return array


def require_features(
    array: NDArray[Any] | None, dtype: Any, shape: tuple[int, ...]
) -> NDArray[Any]:
    """Hidden features: finite, and no row of the batch all zero. Raises `DependencyBroken`."""
    array = _require_form(array, dtype, shape)
    rows = array.reshape(shape[0], -1)
    if not (np.isfinite(rows).all() and rows.any(axis=1).all()):
        raise DependencyBroken(dependency=DEPENDENCY)
    return array


def require_embeddings(array: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Embeddings [..., D] float32 of norm one. Raises `DependencyBroken`."""
    array = _require_form(array, np.float32, shape)
    # One comparison for all: a norm that is NaN, infinite or zero is not close to one either.
    if not (np.abs(np.linalg.norm(array, axis=-1) - 1) <= _NORM_TOLERANCE).all():
        raise DependencyBroken(dependency=DEPENDENCY)
    return array


def require_probabilities(array: NDArray[Any] | None, shape: tuple[int, ...]) -> F32Array:
    """Probabilities float32, 0 to 1. Raises `DependencyBroken`."""
    array = _require_form(array, np.float32, shape)
    if not ((array >= 0) & (array <= 1)).all():  # NaN is neither
        raise DependencyBroken(dependency=DEPENDENCY)
    return array


def _require_form(array: NDArray[Any] | None, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    if array is None or array.shape != shape or array.dtype != dtype:
        raise DependencyBroken(dependency=DEPENDENCY)
    return array
