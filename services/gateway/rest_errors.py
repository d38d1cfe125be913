"""A failure as REST carries it (AIP-193), and what only HTTP can get wrong."""

import math
from typing import Any, Final, cast

import grpc
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gateway.error_table import DOMAIN, Failure, Row, describe
from gateway.rest_encode import JsonResponse
from retrieval.errors import InvalidArgument, MalformedRequest, Reason

ERROR_INFO_TYPE: Final = "type.googleapis.com/google.rpc.ErrorInfo"

ROUTE_UNKNOWN: Final = Failure(
    Row(grpc.StatusCode.NOT_FOUND, 404),
    "ROUTE_UNKNOWN",
    "There is nothing at this path; /docs lists what there is.",
)
METHOD_UNKNOWN: Final = Failure(
    Row(grpc.StatusCode.UNIMPLEMENTED, 405),
    "METHOD_UNKNOWN",
    "This path does not take this method; /docs lists what there is.",
)


def error_response(failure: Failure, request_id: str) -> Response:
    """The body of AIP-193, and Retry-After where trying again may help."""
    headers: dict[str, str] = {}
    if failure.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(failure.retry_after_s)))
    if failure.row.http == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, 11.6.1
    if failure.row.http == 413:
        # the rest of the body is not read
        headers["Connection"] = "close"
    return JsonResponse(error_body(failure, request_id), failure.row.http, headers)


def error_body(failure: Failure, request_id: str) -> dict[str, Any]:
    metadata = failure.metadata(request_id)
    del metadata["request_id"]  # it stands beside
    return {
        "error": {
            "code": failure.row.http,
            "status": failure.row.grpc.name,
            "message": failure.message,
            "details": [
                {
                    "@type": ERROR_INFO_TYPE,
                    "reason": failure.reason,
                    "domain": DOMAIN,
                    "metadata": metadata,
                }
            ],
            "request_id": request_id,
        }
    }


def install_handlers(app: FastAPI) -> None:
    """Replace the framework's own error answers: they echo what was sent, in other formats."""

    async def http_error(request: Request, error: Exception) -> Response:
        http = cast(HTTPException, error)
        match http.status_code:
            case 404:
                failure = ROUTE_UNKNOWN
            case 405:
                failure = METHOD_UNKNOWN
            case _:
                failure = describe(MalformedRequest(Reason.REQUEST_MALFORMED))
        response = error_response(failure, request.state.request_id)
        if http.headers and "Allow" in http.headers:
            response.headers["Allow"] = http.headers["Allow"]
        return response

    async def validation_error(request: Request, error: Exception) -> Response:
        failure = describe(InvalidArgument(Reason.FIELD_INVALID))
        return error_response(failure, request.state.request_id)

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)
