"""One table of failures for both edges: what kind of error becomes which status.

The edges ask `describe` and write the answer in their own wire format; neither decides anything.
Anything that is not one of our errors is a bug: it gets one opaque sentence, whatever it says.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import grpc
import structlog

from retrieval.errors import DependencyError, Kind, RecomposeError

DOMAIN: Final = "recompose"
"""``google.rpc.ErrorInfo.domain`` of every reason (AIP-193)."""

INTERNAL_REASON: Final = "INTERNAL"
INTERNAL_SENTENCE: Final = (
    "The service failed on this request; quote the request id when you ask about it."
)


@dataclass(frozen=True, slots=True)
class Row:
    """The status of one kind of failure on each edge."""

    grpc: grpc.StatusCode
    http: int


TABLE: Final[Mapping[Kind, Row]] = MappingProxyType(
    {
        Kind.MALFORMED: Row(grpc.StatusCode.INVALID_ARGUMENT, 400),
        Kind.UNAUTHENTICATED: Row(grpc.StatusCode.UNAUTHENTICATED, 401),
        Kind.FORBIDDEN: Row(grpc.StatusCode.PERMISSION_DENIED, 403),
        Kind.INVALID: Row(grpc.StatusCode.INVALID_ARGUMENT, 422),
        Kind.TOO_LARGE: Row(grpc.StatusCode.INVALID_ARGUMENT, 413),
        Kind.UNSUPPORTED: Row(grpc.StatusCode.INVALID_ARGUMENT, 415),
        Kind.NOT_FOUND: Row(grpc.StatusCode.NOT_FOUND, 404),
        Kind.PRECONDITION: Row(grpc.StatusCode.FAILED_PRECONDITION, 424),
        Kind.EXHAUSTED: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        Kind.UNAVAILABLE: Row(grpc.StatusCode.UNAVAILABLE, 503),
        Kind.TIMEOUT: Row(grpc.StatusCode.DEADLINE_EXCEEDED, 504),
        Kind.BROKEN: Row(grpc.StatusCode.INTERNAL, 502),
    }
)
OPAQUE: Final = Row(grpc.StatusCode.INTERNAL, 500)
DEFAULT_RETRY_AFTER_S: Final = 1.0
_MAX_LOGGED_FRAMES: Final = 12


@dataclass(frozen=True, slots=True)
class Failure:
    """What a caller is told: a reason, its fixed sentence, a field of the API, and a status."""

    row: Row
    reason: str
    message: str
    field: str = ""
    retry_after_s: float | None = None

    def metadata(self, request_id: str) -> dict[str, str]:
        """``google.rpc.ErrorInfo.metadata``: the request id, and the field where there is one."""
        return {"request_id": request_id} | ({"field": self.field} if self.field else {})


def describe(error: BaseException) -> Failure:
    """What a caller is told about an error; an unknown one is opaque."""
    if not isinstance(error, RecomposeError):
        return Failure(OPAQUE, INTERNAL_REASON, INTERNAL_SENTENCE)
    retry_after_s = error.retry_after_s
    if retry_after_s is None and error.kind is Kind.EXHAUSTED:
        retry_after_s = DEFAULT_RETRY_AFTER_S
    return Failure(
        TABLE[error.kind], error.reason.value, error.sentence, error.field, retry_after_s
    )


def log_failure(error: BaseException, *, edge: str, method: str, request_id: str) -> None:
    """Log what is the service's own fault.

    An exception's text may carry what a caller sent, so it never reaches the log: a bug is told
    by its type and the lines of code it came through.
    """
    log = structlog.get_logger("gateway").bind(edge=edge, method=method, request_id=request_id)
    if isinstance(error, DependencyError):
        log.warning("request_failed", reason=error.reason.value, dependency=error.dependency)
    elif isinstance(error, RecomposeError):
        if TABLE[error.kind].http >= 500:
            log.warning("request_failed", reason=error.reason.value)
    else:
        log.error(
            "request_broke",
            error_type=f"{type(error).__module__}.{type(error).__qualname__}",
            frames=[
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)[-_MAX_LOGGED_FRAMES:]
            ],
        )
