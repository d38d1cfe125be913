"""From gRPC to the services' plain methods: registration, refusals, deadlines.

Every method of a Qdrant service is registered, those that this server does not offer too: they
answer UNIMPLEMENTED with a sentence.
"""

from __future__ import annotations

import errno
import logging
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from qdrant_edge_server.errors import Refusal
from qdrant_edge_server.metrics import Metrics
from qdrant_edge_server.turn import Turn

_log = logging.getLogger(__name__)

Method = Callable[[Any], Message]
Handler = Callable[[Any, grpc.ServicerContext], Message]


class Desk:
    """Gives each call its turn, and counts it."""

    def __init__(self, turn: Turn, metrics: Metrics) -> None:
        self._turn, self._metrics = turn, metrics
        metrics.watch_queue(lambda: turn.waiting)

    @contextmanager
    def call(self, name: str, *, write: bool) -> Iterator[None]:
        """Wait for a turn, and have it for the block."""
        with self._turn.taken(write=write) as waited_s:
            self._metrics.queue_wait.observe(waited_s)
            with self._metrics.engine.labels(name).time():
                yield

    def count(self, name: str, code: grpc.StatusCode) -> None:
        """Count an answer."""
        self._metrics.calls.labels(name, code.name).inc()


def handlers(
    service: ServiceDescriptor,
    methods: Mapping[str, Method],
    desk: Desk,
    *,
    writes: Collection[str] = (),
) -> grpc.GenericRpcHandler[Any, Any]:
    """A handler for every method of `service`, by the implementations in `methods`.

    Args:
        writes: those that change points, which an optimisation holds back for a while.

    Raises:
        ValueError: `methods` names one that the service does not have.
    """
    unknown = set(methods) - set(service.methods_by_name)
    if unknown:
        raise ValueError(f"{service.full_name} has no {', '.join(sorted(unknown))}")
    return grpc.method_handlers_generic_handler(
        service.full_name,
        {
            descriptor.name: grpc.unary_unary_rpc_method_handler(
                _offered(
                    methods[descriptor.name],
                    descriptor.full_name,
                    desk,
                    write=descriptor.name in writes,
                )
                if descriptor.name in methods
                else _refused(descriptor, desk),
                request_deserializer=GetMessageClass(descriptor.input_type).FromString,
                response_serializer=GetMessageClass(descriptor.output_type).SerializeToString,
            )
            for descriptor in service.methods
        },
    )


def _refused(descriptor: MethodDescriptor, desk: Desk) -> Handler:
    def refuse(request: Message, context: grpc.ServicerContext) -> NoReturn:
        desk.count(descriptor.full_name, grpc.StatusCode.UNIMPLEMENTED)
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{descriptor.full_name} is not offered by this server.",
        )

    return refuse


def _offered(method: Method, name: str, desk: Desk, *, write: bool) -> Handler:
    def call(request: Message, context: grpc.ServicerContext) -> Message:
        try:
            with desk.call(name, write=write):
                response = _answer(method, name, request, context)
        except _Answer as answer:
            desk.count(name, answer.code)
            context.abort(answer.code, answer.message)
        desk.count(name, grpc.StatusCode.OK)
        return response

    return call


class _Answer(Exception):
    """An answer that is no response: a status and a sentence."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def _answer(method: Method, name: str, request: Message, context: grpc.ServicerContext) -> Message:
    if not context.is_active():
        # It waited behind others for as long as its caller would: spare the engine.
        raise _Answer(grpc.StatusCode.CANCELLED, "The caller has gone.")
    start = time.perf_counter()
    try:
        response = method(request)
    except Refusal as refusal:
        raise _Answer(refusal.code, refusal.message) from None
    except OSError as error:
        _log.exception("%s failed", name)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = grpc.StatusCode.RESOURCE_EXHAUSTED if full else grpc.StatusCode.INTERNAL
        raise _Answer(code, "The disk failed the request.") from None
    except Exception as error:  # noqa: BLE001 - the edge of the process: a bug ends here
        # An exception's own text may quote a query; neither caller nor log gets it.
        where = "".join(traceback.format_tb(error.__traceback__))
        _log.error("%s failed by a bug (%s):\n%s", name, type(error).__name__, where)
        raise _Answer(grpc.StatusCode.INTERNAL, "The server failed the request.") from None
    if "time" in response.DESCRIPTOR.fields_by_name:
        response.time = time.perf_counter() - start  # type: ignore[attr-defined]
    return response
