"""What the process tells Prometheus, on a port of its own where one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG_BUCKETS_S = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_PREFIX = "recompose_qdrant_edge"


class Metrics:
    """The process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._told: set[str] = set()
        self.calls = Counter(
            f"{_PREFIX}_calls",
            "Calls answered. Those above the queue's bound are refused before they are read, and "
            "not among them.",
            ["method", "code"],
            registry=self.registry,
        )
        self._queue_depth = Gauge(
            f"{_PREFIX}_queue_depth",
            "Calls that wait for the engine.",
            registry=self.registry,
        )
        self.queue_wait = self._histogram("queue_wait_seconds", "What a call waits for its turn.")
        self.engine = self._histogram(
            "engine_seconds", "What a call takes once it has its turn.", ["method"]
        )
        self.flush = self._histogram("flush_seconds", "Syncing a collection's writes to the disk.")
        self._points = self._gauge("points", "Points of a collection.")
        self._indexed_vectors = self._gauge(
            "indexed_vectors", "Vectors of a collection that are in an optimised segment."
        )
        self.optimizations = Counter(
            f"{_PREFIX}_optimizations",
            "Optimisations beside the service, by outcome: swapped, unchanged, abandoned.",
            ["outcome"],
            registry=self.registry,
        )
        self.optimization = Histogram(
            f"{_PREFIX}_optimization_seconds",
            "Such an optimisation, from the copy to the swap.",
            buckets=_LONG_BUCKETS_S,
            registry=self.registry,
        )
        self.optimizer_turn = self._histogram(
            "optimizer_turn_seconds", "The turns such an optimisation takes, which calls wait for."
        )
        self.write_hold = self._histogram(
            "write_hold_seconds", "How long writes were held while a collection was copied."
        )

    def _histogram(self, name: str, text: str, labels: list[str] | None = None) -> Histogram:
        return Histogram(
            f"{_PREFIX}_{name}", text, labels or [], buckets=_BUCKETS_S, registry=self.registry
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", text, ["collection"], registry=self.registry)

    def watch_queue(self, depth: Callable[[], int]) -> None:
        """Read the queue's depth from `depth` at each scrape."""
        self._queue_depth.set_function(depth)

    def tell_sizes(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        """Tell each collection's points and indexed vectors, and forget those that are gone."""
        for gone in self._told - sizes.keys():
            self._points.remove(gone)
            self._indexed_vectors.remove(gone)
        for collection, (points, indexed) in sizes.items():
            self._points.labels(collection).set(points)
            self._indexed_vectors.labels(collection).set(indexed)
        self._told = set(sizes)

    def serve(self, host: str, port: int) -> int:
        """Answer scrapes on HOST:PORT until the process ends; returns the port.

        Raises:
            OSError: it cannot be listened on.
        """
        server, _ = start_http_server(port, host, self.registry)
        return int(server.server_port)
