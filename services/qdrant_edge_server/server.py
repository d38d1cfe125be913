"""The process: open the data folder, serve, stop cleanly.

One worker thread makes every call into the engine: the engine keeps the interpreter's lock
through each call, so a second would wait all the same. Requests wait for it in one bounded queue;
one over the bound is answered RESOURCE_EXHAUSTED at once, and one whose caller has gone is
dropped before the engine sees it.
"""

from __future__ import annotations

import importlib.metadata
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from qdrant_client import grpc as wire
from qdrant_client.grpc import collections_service_pb2, points_service_pb2, qdrant_pb2

from qdrant_edge_server.collections_service import CollectionsService
from qdrant_edge_server.errors import Refusal
from qdrant_edge_server.points_reads import PointsReads
from qdrant_edge_server.points_writes import PointsWrites
from qdrant_edge_server.routes import handlers
from qdrant_edge_server.store import Store

_MAX_REQUEST_BYTES = 32 * 2**20  # Qdrant's own default
_MAX_CALLS = 128  # in the queue and in work
_FLUSH_INTERVAL_S = 1.0  # how long an update sent with wait=False may stay unsynced
_GRACE_S = 3.0


@dataclass(frozen=True)
class Settings:
    """Where the server keeps its data and where it listens; port 0 takes a free one."""

    data_dir: Path
    port: int
    host: str = "127.0.0.1"


class PortTaken(RuntimeError):
    """The address cannot be listened on."""


def serve(settings: Settings, *, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is in flight, flush and close.

    Args:
        ready: called with HOST:PORT once requests are answered.

    Raises:
        PortTaken: the address is in use or not ours.
        qdrant_edge_server.store.DataDirInUse: another process has the data folder.
        qdrant_edge_server.registry.RegistryUnreadable: its registry is not ours.
        qdrant_edge_server.errors.Refusal: a collection cannot be opened.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(settings.data_dir)
    try:
        # Now, when nobody waits for an answer: the engine freezes the process while it indexes.
        store.optimize()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine") as engine:
            server = _server(store, engine)
            port = _listen(server, settings)
            server.start()
            ready(f"{settings.host}:{port}")
            while not stop.wait(_FLUSH_INTERVAL_S):
                engine.submit(_flush, store)
            server.stop(_GRACE_S).wait()
    finally:
        store.close()


def _server(store: Store, engine: ThreadPoolExecutor) -> grpc.Server:
    server = grpc.server(
        engine,
        maximum_concurrent_rpcs=_MAX_CALLS,
        options=[
            ("grpc.max_receive_message_length", _MAX_REQUEST_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # a taken port is an error, not a second server on it
        ],
    )
    collections = CollectionsService(store)
    reads, writes = PointsReads(store), PointsWrites(store)
    server.add_generic_rpc_handlers(
        (
            handlers(
                collections_service_pb2.DESCRIPTOR.services_by_name["Collections"],
                {
                    "Get": collections.get,
                    "List": collections.list,
                    "CollectionExists": collections.exists,
                    "Create": collections.create,
                    "Update": collections.update,
                    "Delete": collections.delete,
                    "UpdateAliases": collections.update_aliases,
                    "ListAliases": collections.list_aliases,
                    "ListCollectionAliases": collections.list_collection_aliases,
                },
            ),
            handlers(
                points_service_pb2.DESCRIPTOR.services_by_name["Points"],
                {
                    "Get": reads.get,
                    "Query": reads.query,
                    "QueryBatch": reads.query_batch,
                    "Scroll": reads.scroll,
                    "Count": reads.count,
                    "Facet": reads.facet,
                    "Upsert": writes.upsert,
                    "Delete": writes.delete,
                    "SetPayload": writes.set_payload,
                    "OverwritePayload": writes.overwrite_payload,
                    "DeletePayload": writes.delete_payload,
                    "CreateFieldIndex": writes.create_field_index,
                    "DeleteFieldIndex": writes.delete_field_index,
                },
            ),
            handlers(
                qdrant_pb2.DESCRIPTOR.services_by_name["Qdrant"], {"HealthCheck": _health_check}
            ),
        )
    )
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    return server


def _health_check(request: wire.HealthCheckRequest) -> wire.HealthCheckReply:
    version = importlib.metadata.version("qdrant-edge-py")
    return wire.HealthCheckReply(title="qdrant_edge_server", version=version)


def _listen(server: grpc.Server, settings: Settings) -> int:
    address = f"{settings.host}:{settings.port}"
    try:
        return server.add_insecure_port(address)
    except RuntimeError:
        raise PortTaken(f"cannot listen on {address}: is the port taken?") from None


def _flush(store: Store) -> None:
    for collection in store.collections():
        try:
            collection.flush()
        except Refusal:
            # Logged where it was raised; the next round tries again.
            continue
