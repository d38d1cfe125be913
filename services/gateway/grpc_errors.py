"""A failure as gRPC carries it: code, sentence, and google.rpc details in the trailers."""

import math

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from gateway.error_table import DOMAIN, Failure


def to_grpc(failure: Failure, request_id: str) -> grpc.Status:
    """The status with its ErrorInfo, and a RetryInfo where trying again may help (AIP-193)."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=failure.reason, domain=DOMAIN, metadata=failure.metadata(request_id)
        )
    ]
    if failure.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(math.ceil(failure.retry_after_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=failure.row.grpc.value[0], message=failure.message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return rpc_status.to_status(status)
