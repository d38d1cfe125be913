"""From gRPC to the services' plain methods: registration, refusals, deadlines.

Every method of a Qdrant service is registered, those that this server does not offer too: they
answer UNIMPLEMENTED with a sentence.
"""

from __future__ import annotations

import errno
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from qdrant_edge_server.errors import Refusal

_log = logging.getLogger(__name__)

Method = Callable[[Any], Message]
Handler = Callable[[Any, grpc.ServicerContext], Message]


def handlers(
    service: ServiceDescriptor, methods: Mapping[str, Method]
) -> grpc.GenericRpcHandler[Any, Any]:
    """A handler for every method of `service`, by the implementations in `methods`.

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
                _offered(methods[descriptor.name], descriptor.full_name)
                if descriptor.name in methods
                else _refused(descriptor),
                request_deserializer=GetMessageClass(descriptor.input_type).FromString,
                response_serializer=GetMessageClass(descriptor.output_type).SerializeToString,
            )
            for descriptor in service.methods
        },
    )


def _refused(descriptor: MethodDescriptor) -> Handler:
    def refuse(request: Message, context: grpc.ServicerContext) -> NoReturn:
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{descriptor.full_name} is not offered by this server.",
        )

    return refuse


def _offered(method: Method, name: str) -> Handler:
    def call(request: Message, context: grpc.ServicerContext) -> Message:
        if not context.is_active():
            # It waited behind others for as long as its caller would: spare the engine.
            context.abort(grpc.StatusCode.CANCELLED, "The caller has gone.")
        start = time.perf_counter()
        try:
            response = method(request)
        except Refusal as refusal:
            context.abort(refusal.code, refusal.message)
        except OSError as error:
            _log.exception("%s failed", name)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            code = grpc.StatusCode.RESOURCE_EXHAUSTED if full else grpc.StatusCode.INTERNAL
            context.abort(code, "The disk failed the request.")
        except Exception as error:  # noqa: BLE001 - the edge of the process: a bug ends here
            # An exception's own text may quote a query; neither caller nor log gets it.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("%s failed by a bug (%s):\n%s", name, type(error).__name__, where)
            context.abort(grpc.StatusCode.INTERNAL, "The server failed the request.")
        if "time" in response.DESCRIPTOR.fields_by_name:
            response.time = time.perf_counter() - start  # type: ignore[attr-defined]
        return response

    return call
