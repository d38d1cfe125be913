"""Both edges around one core, with clients: REST in process, gRPC over a real port."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from gateway.edge_parts import EdgeParts
from gateway.grpc_server import build_grpc_server
from gateway.rest_api import build_rest_app
from gateway.rest_body import BodyLimits
from gateway.storefront import Storefront
from recompose.v1 import catalog_pb2_grpc, search_pb2_grpc


@dataclass(frozen=True)
class Edges:
    rest: httpx.AsyncClient
    search: Any
    catalog: Any
    channel: grpc.aio.Channel
    grpc_address: str


@dataclass(frozen=True)
class Refusal:
    """An error as a caller sees it, on either edge."""

    status: str
    reason: str
    field: str
    message: str


@asynccontextmanager
async def serving(
    parts: EdgeParts, limits: BodyLimits | None = None, storefront: Storefront | None = None
) -> AsyncIterator[Edges]:
    """Both edges; ends them at the end of the block."""
    server = build_grpc_server(parts)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = [("grpc.max_send_message_length", -1), ("grpc.max_metadata_size", 1 << 20)]
    transport = httpx.ASGITransport(build_rest_app(parts, limits, storefront))
    try:
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel,
            httpx.AsyncClient(transport=transport, base_url="http://shop.test") as rest,
        ):
            yield Edges(
                rest,
                search_pb2_grpc.SearchServiceStub(channel),
                catalog_pb2_grpc.CatalogServiceStub(channel),
                channel,
                f"127.0.0.1:{port}",
            )
    finally:
        await server.stop(0)


def rest_refusal(response: httpx.Response) -> Refusal:
    """The error that a REST answer tells; checks that its form is the documented one."""
    error = response.json()["error"]
    (info,) = error["details"]
    assert error["code"] == response.status_code
    assert error["request_id"] == response.headers["x-request-id"]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert info["domain"] == "recompose"
    return Refusal(
        error["status"], info["reason"], info["metadata"].get("field", ""), error["message"]
    )


async def grpc_refusal(call: Awaitable[Any]) -> Refusal:
    """The error that a gRPC call ends with."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return refusal_of(error)
    raise AssertionError("the call succeeded")


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """The status, its ErrorInfo, and that both tell the same request id."""
    call: Any = error  # it has what the function reads of a call
    status = rpc_status.from_call(call)
    assert status is not None, error
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "recompose"
    trailers: list[Any] = list(error.trailing_metadata())
    assert ("x-request-id", info.metadata["request_id"]) in trailers
    return Refusal(error.code().name, info.reason, info.metadata.get("field", ""), status.message)
