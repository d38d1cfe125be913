"""What each failure of Qdrant, or of the way to it, means to us: one table."""

from collections.abc import Mapping
from typing import Final

import grpc
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from retrieval.errors import (
    DependencyBroken,
    DependencyError,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
    Reason,
    RecomposeError,
    ServiceUnavailable,
)

DEPENDENCY: Final = "qdrant"

STATUS_ERRORS: Final[Mapping[grpc.StatusCode, type[DependencyError] | None]] = {
    # None: what we asked for is not there. We name our collection, so there is no index of the
    # model being served (a missing point is known to the one call that can meet it).
    grpc.StatusCode.NOT_FOUND: None,
    grpc.StatusCode.CANCELLED: DependencyUnavailable,
    grpc.StatusCode.UNAVAILABLE: DependencyUnavailable,
    grpc.StatusCode.ABORTED: DependencyUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DependencyTimeout,
    grpc.StatusCode.RESOURCE_EXHAUSTED: DependencyExhausted,
    # What we send is checked first: a refusal means that the collection is not as we made it,
    # or that this Qdrant, or our key to it, is another than we were told.
    grpc.StatusCode.INVALID_ARGUMENT: DependencyBroken,
    grpc.StatusCode.OUT_OF_RANGE: DependencyBroken,
    grpc.StatusCode.ALREADY_EXISTS: DependencyBroken,
    grpc.StatusCode.FAILED_PRECONDITION: DependencyBroken,
    grpc.StatusCode.UNIMPLEMENTED: DependencyBroken,
    grpc.StatusCode.PERMISSION_DENIED: DependencyBroken,
    grpc.StatusCode.UNAUTHENTICATED: DependencyBroken,
    grpc.StatusCode.INTERNAL: DependencyBroken,
    grpc.StatusCode.UNKNOWN: DependencyBroken,
    grpc.StatusCode.DATA_LOSS: DependencyBroken,
}
"""What each gRPC status of an answer means to us."""

CLIENT_FAILURES: Final = (
    grpc.aio.AioRpcError,
    ResourceExhaustedResponse,
    ResponseHandlingException,
    UnexpectedResponse,
    TimeoutError,
    # qdrant-client's conversions, on an answer that they cannot read (pydantic's included).
    ValueError,
)
"""All that a call of the client raises for the server's sake."""


def failure_of(error: Exception) -> RecomposeError:
    """The error that stands for a failed call.

    A missing collection is `ServiceUnavailable` (MODEL_MISMATCH), all else a `DependencyError`.
    """
    match error:
        case grpc.aio.AioRpcError():
            kind = STATUS_ERRORS[error.code()]
            if kind is None:
                return ServiceUnavailable(Reason.MODEL_MISMATCH)
            return kind(dependency=DEPENDENCY)
        case ResourceExhaustedResponse():
            return DependencyExhausted(
                dependency=DEPENDENCY, retry_after_s=float(error.retry_after_s)
            )
        case TimeoutError():
            return DependencyTimeout(dependency=DEPENDENCY)
        case ResponseHandlingException():
            return DependencyUnavailable(dependency=DEPENDENCY)
        case _:
            return DependencyBroken(dependency=DEPENDENCY)
