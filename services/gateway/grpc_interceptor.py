"""What surrounds every call of our services: request id, errors, metrics, trace, unreadable
messages, and the bytes of those in memory."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from gateway.edge_parts import MAX_BUFFERED_BYTES, EdgeParts
from gateway.error_table import describe, log_failure
from gateway.grpc_errors import to_grpc
from gateway.tracing.requests import W3C_HEADERS, Header, RequestSpan
from retrieval.errors import MalformedRequest, Reason
from retrieval.permits import ByteBudget, HeldBytes

REQUEST_ID_KEY: Final = "x-request-id"
_OURS: Final = "/recompose.v1."

Behaviour = Callable[[Any, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A message as gRPC hands it over: all of it is in memory before anything can be asked."""

    message: Any
    """None for what is no valid protobuf; gRPC alone would answer with UNKNOWN."""
    count: int
    """Its bytes."""


class EdgeInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Wraps the handlers of our services and leaves health checking and reflection alone."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts
        self._handlers: dict[str, Any] = {}
        self._buffered = parts.buffered or ByteBudget(MAX_BUFFERED_BYTES)

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
                self._surround(full_name, handler.stream_unary, _count_each),
                _arriving(handler.request_deserializer),
                handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._surround(full_name, handler.unary_unary, _count_one),
            _arriving(handler.request_deserializer),
            handler.response_serializer,
        )

    def _surround(
        self, full_name: str, behaviour: Behaviour, count: Callable[[Any, HeldBytes], Any]
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
                self._parts.admission.check()
                with self._buffered.holding() as held:
                    counted = count(request, held)
                    async with self._parts.access.enter(_authorization(context), method):
                        return await behaviour(counted(), context)

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


def _arriving(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], _Arrived]:
    def read(data: bytes) -> _Arrived:
        try:
            return _Arrived(deserialize(data), len(data))
        except DecodeError:
            return _Arrived(None, len(data))

    return read


def _count_one(arrived: _Arrived, held: HeldBytes) -> Callable[[], Any]:
    """Count a message that is here already, before anything that takes time; what reads it."""
    held.take(arrived.count)
    return lambda: _read(arrived)


def _count_each(arriving: AsyncIterator[_Arrived], held: HeldBytes) -> Callable[[], Any]:
    """What reads the messages of a stream, each of which is counted as it comes."""

    async def read() -> AsyncIterator[Any]:
        async for arrived in arriving:
            held.take(arrived.count)
            yield _read(arrived)

    return read


def _read(arrived: _Arrived) -> Any:
    if arrived.message is None:
        raise MalformedRequest(Reason.REQUEST_MALFORMED)
    return arrived.message


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
