"""The gRPC server: services, health checking, reflection and limits. It binds no port itself."""

from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.edge_parts import EdgeParts
from gateway.grpc_api import SearchService
from gateway.grpc_catalog_api import CatalogService
from gateway.grpc_health import HealthService
from gateway.grpc_intake import prompt_server
from gateway.grpc_interceptor import EdgeInterceptor
from recompose.v1 import catalog_pb2, catalog_pb2_grpc, search_pb2, search_pb2_grpc

MAX_MESSAGE_BYTES: Final = 16 << 20
"""A picture of 10 MiB, its product, and slack."""
MAX_METADATA_BYTES: Final = 8 << 10

_OPTIONS: Final[list[tuple[str, int]]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # two limits: between a soft and a hard one, gRPC refuses at random
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    # a busy port is an error, not a second server that takes half of the calls
    ("grpc.so_reuseport", 0),
    # of a connection; ended ones count until their calls are taken down, a few turns of the loop
    # later, and a caller over it is refused by HTTP/2 alone, which says UNAVAILABLE
    ("grpc.max_concurrent_streams", 1024),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]

SERVICE_NAMES: Final = (
    search_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name,
    catalog_pb2.DESCRIPTOR.services_by_name["CatalogService"].full_name,
)


def build_grpc_server(parts: EdgeParts) -> grpc.aio.Server:
    """A server with all services; the caller adds a port, starts and stops it.

    Must be called on a running event loop.
    """
    server = prompt_server([EdgeInterceptor(parts)], _OPTIONS)
    search_pb2_grpc.add_SearchServiceServicer_to_server(SearchService(parts), server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(CatalogService(parts), server)
    health_pb2_grpc.add_HealthServicer_to_server(
        HealthService(parts.readiness, SERVICE_NAMES), server
    )
    health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    reflection.enable_server_reflection(
        (*SERVICE_NAMES, health_name, reflection.SERVICE_NAME), server
    )
    return server
