"""The process: open the data folder, serve, stop cleanly.

Calls take turns at the engine (turn.py), one at a time and in the order they came. At most 128 are
in work or waiting; one more is answered RESOURCE_EXHAUSTED at once, and one whose caller has gone
is dropped before the engine sees it.
"""

from __future__ import annotations

import importlib.metadata
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from qdrant_edge_server.collections_service import CollectionsService
from qdrant_edge_server.errors import Refusal
from qdrant_edge_server.metrics import Metrics
from qdrant_edge_server.optimizer import Optimizer
from qdrant_edge_server.points_reads import PointsReads
from qdrant_edge_server.points_writes import PointsWrites
from qdrant_edge_server.routes import Desk, handlers
from qdrant_edge_server.store import Store
from qdrant_edge_server.stubs import collections_service_pb2, points_service_pb2, qdrant_pb2, wire
from qdrant_edge_server.turn import Turn

_MAX_REQUEST_BYTES = 32 * 2**20  # Qdrant's own default
MAX_CALLS = 128  # in the queue and in work, each on a thread of its own
_TICK_S = 1.0  # how long an update sent with wait=False may stay unsynced
_GRACE_S = 3.0
_WRITES = frozenset(
    {
        *("Upsert", "Delete", "SetPayload", "OverwritePayload", "DeletePayload"),
        *("CreateFieldIndex", "DeleteFieldIndex"),
    }
)


@dataclass(frozen=True)
class Settings:
    """Where the server keeps its data and where it listens; port 0 takes a free one.

    Attributes:
        metrics_port: for Prometheus; None serves no metrics.
        optimize_after_points: how many points of a collection must have changed before it is
            optimised beside the service; 0 leaves that to the next start.
    """

    data_dir: Path
    port: int
    host: str = "127.0.0.1"
    metrics_port: int | None = None
    optimize_after_points: int = 1000


class PortTaken(RuntimeError):
    """The address cannot be listened on."""


def serve(settings: Settings, *, ready: Callable[[str, str | None], None]) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is in flight, flush and close.

    Args:
        ready: called with HOST:PORT of the service and of the metrics, if there are any, once
            requests are answered.

    Raises:
        PortTaken: an address is in use or not ours.
        qdrant_edge_server.store.DataDirInUse: another process has the data folder.
        qdrant_edge_server.registry.RegistryUnreadable: its registry is not ours.
        qdrant_edge_server.errors.Refusal: a collection cannot be opened.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    turn, metrics = Turn(), Metrics()
    store = Store(settings.data_dir, on_flush=metrics.flush.observe)
    try:
        # Now, when nobody waits for an answer: the engine freezes the process while it indexes.
        store.optimize()
        with ThreadPoolExecutor(max_workers=MAX_CALLS, thread_name_prefix="call") as calls:
            server = build_server(store, Desk(turn, metrics), calls)
            address = f"{settings.host}:{_listen(server, settings)}"
            metrics_address = _serve_metrics(metrics, settings)
            server.start()
            ready(address, metrics_address)
            with _optimizing(store, turn, metrics, settings):
                while not stop.wait(_TICK_S):
                    with turn.taken():
                        _flush(store)
                        _tell_sizes(store, metrics)
            server.stop(_GRACE_S).wait()
    finally:
        store.close()


@contextmanager
def _optimizing(store: Store, turn: Turn, metrics: Metrics, settings: Settings) -> Iterator[None]:
    """Optimise collections beside the service for the block, unless that is switched off."""
    if not settings.optimize_after_points:
        yield
        return
    optimizer = Optimizer(store, turn, metrics, after_points=settings.optimize_after_points)
    optimizer.start()
    try:
        yield
    finally:
        optimizer.stop()


def build_server(store: Store, desk: Desk, calls: ThreadPoolExecutor) -> grpc.Server:
    """The gRPC server over `store`, not started; `calls` has `MAX_CALLS` threads."""
    server = grpc.server(
        calls,
        maximum_concurrent_rpcs=MAX_CALLS,
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
                desk,
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
                desk,
                writes=_WRITES,
            ),
            handlers(
                qdrant_pb2.DESCRIPTOR.services_by_name["Qdrant"],
                {"HealthCheck": _health_check},
                desk,
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


def _serve_metrics(metrics: Metrics, settings: Settings) -> str | None:
    if settings.metrics_port is None:
        return None
    address = f"{settings.host}:{settings.metrics_port}"
    try:
        return f"{settings.host}:{metrics.serve(settings.host, settings.metrics_port)}"
    except OSError:
        raise PortTaken(f"cannot listen on {address}: is the port taken?") from None


def _tell_sizes(store: Store, metrics: Metrics) -> None:
    sizes = {}
    for collection in store.collections():
        info = collection.read("Info", lambda shard: shard.info())
        sizes[collection.name] = info.points_count, info.indexed_vectors_count
    metrics.tell_sizes(sizes)


def _flush(store: Store) -> None:
    for collection in store.collections():
        try:
            collection.flush()
        except Refusal:
            # Logged where it was raised; the next round tries again.
            continue
