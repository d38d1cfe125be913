"""What surrounds every call of our services: request id, errors, metrics, trace, unreadable
messages."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from gateway.edge_parts import EdgeParts
from gateway.error_table import describe, log_failure
from gateway.grpc_errors import to_grpc
from gateway.tracing.requests import W3C_HEADERS, Header, RequestSpan
from retrieval.errors import MalformedRequest, Reason

REQUEST_ID_KEY: Final = "x-request-id"
_OURS: Final = "/recompose.v1."

Behaviour = Callable[[Any, Any], Awaitable[Any]]


class _Unreadable:
    """Stands for a message that is no valid protobuf; gRPC alone would answer with UNKNOWN."""


_UNREADABLE: Final = _Unreadable()


class EdgeInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Wraps the handlers of our services and leaves health checking and reflection alone."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts
        self._handlers: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        full_name = handler_call_details.method
        if full_name in self._handlers:
            return self._handlers[full_name]
        handler = await continuation(handler_call_details)
        if handler is None or not full_name.startswith(_OURS):
            return handler
        self._handlers[full_name] = surrounded = self._surrounded(full_name, handler)
        return surrounded

    def _surrounded(self, full_name: str, handler: Any) -> Any:
        """The handler of one of our methods, of which there are few."""
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(
                self._surround(full_name, handler.stream_unary, _read_stream),
                _lenient(handler.request_deserializer),
                handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._surround(full_name, handler.unary_unary, _read_one),
            _lenient(handler.request_deserializer),
            handler.response_serializer,
        )

    def _surround(
        self, full_name: str, behaviour: Behaviour, read: Callable[[Any], Any]
    ) -> Behaviour:
        """``full_name``: /PACKAGE.SERVICE/METHOD."""
        name = full_name.removeprefix("/")
        method = full_name.rpartition("/")[2]

        async def call(request: Any, context: Any) -> Any:
            request_id = self._parts.request_id(_incoming_id(context))
            context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
            told = {
                "rpc.system.name": "grpc",
                "rpc.method": name,
                "recompose.request_id": request_id,
            }

            async def admitted() -> Any:
                async with self._parts.access.enter(_authorization(context), method):
                    return await behaviour(read(request), context)

            with self._parts.trace(name, _trace_headers(context), told) as span:
                return await self._answer(method, admitted, context, request_id, span)

        return call

    async def _answer(
        self,
        method: str,
        answer: Callable[[], Awaitable[Any]],
        context: Any,
        request_id: str,
        span: RequestSpan,
    ) -> Any:
        started_s = time.perf_counter()
        code = grpc.StatusCode.OK
        try:
            return await answer()
        except asyncio.CancelledError:
            # the client went away, or its deadline passed: nobody reads an answer
            late = context.time_remaining() == 0
            code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
            span.fail(code.name, caller=not late)
            raise
        except Exception as error:  # noqa: BLE001 - the edge: a bug becomes one opaque answer
            failure = describe(error)
            code = failure.row.grpc
            span.fail(failure.reason, caller=failure.row.http < 500)
            log_failure(error, edge="grpc", method=method, request_id=request_id)
        finally:
            span.note("rpc.response.status_code", code.name)
            self._parts.metrics.observe_request(
                "grpc", method, code.name, time.perf_counter() - started_s
            )
        # Last, so that a failure is counted by the time that its caller has it.
        status = to_grpc(failure, request_id)
        return await context.abort(
            status.code,
            status.details,
            (*status.trailing_metadata, (REQUEST_ID_KEY, request_id)),
        )


def _lenient(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _UNREADABLE

    return read


def _read_one(message: Any) -> Any:
    if message is _UNREADABLE:
        raise MalformedRequest(Reason.REQUEST_MALFORMED)
    return message


async def _read_stream(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for message in messages:
        yield _read_one(message)


def _authorization(context: Any) -> list[str]:
    metadata = context.invocation_metadata() or ()
    return [str(value) for key, value in metadata if key == "authorization"]


def _incoming_id(context: Any) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str):
            return value
    return None


def _trace_headers(context: Any) -> Iterator[Header]:
    for key, value in context.invocation_metadata() or ():
        if key in W3C_HEADERS and isinstance(value, str):
            yield key, value
