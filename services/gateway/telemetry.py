"""Metrics and logs: what happened and how long it took, never what was asked for."""

import logging
import math
import re
import secrets
import sys
import time
from typing import Final, Literal

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from retrieval.domain import Pooled, RerankOutcome, Tuning

_SECONDS_BUCKETS: Final = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
)  # fmt: skip
_LAG_BUCKETS: Final = (
    0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
)  # fmt: skip
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")


class Metrics:
    """The gateway's Prometheus metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "recompose_requests",
            "Requests answered, by edge (grpc, rest), method and status code.",
            ["edge", "method", "code"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "recompose_request_seconds",
            "Time from admission to answer, in seconds.",
            ["edge", "method"],
            buckets=_SECONDS_BUCKETS,
            registry=self.registry,
        )
        self._dependency_calls = Counter(
            "recompose_dependency_calls",
            "Calls to Triton, Qdrant, Redis, the image store and hosts of pictures, by outcome.",
            ["dependency", "outcome"],
            registry=self.registry,
        )
        self._dependency_seconds = Histogram(
            "recompose_dependency_seconds",
            "Time of calls to a dependency, in seconds.",
            ["dependency"],
            buckets=_SECONDS_BUCKETS,
            registry=self.registry,
        )
        self._cache_lookups = Counter(
            "recompose_cache_lookups",
            "Lookups of embeddings, by outcome: hit, miss, damaged, absent (no Redis).",
            ["outcome"],
            registry=self.registry,
        )
        self._reranks = Counter(
            "recompose_reranks",
            "Second stages of searches, by outcome: done, out_of_time, unavailable.",
            ["outcome"],
            registry=self.registry,
        )
        self._rerank_seconds = Histogram(
            "recompose_rerank_seconds",
            "Time of second stages, in seconds, however they ended.",
            buckets=_SECONDS_BUCKETS,
            registry=self.registry,
        )
        self._rerank_candidates = Counter(
            "recompose_rerank_candidates",
            "Candidates whose embeds a second stage had, by source: cache, computed.",
            ["source"],
            registry=self.registry,
        )
        for rerank in RerankOutcome:
            self._reranks.labels(rerank.lower())
        for source in ("cache", "computed"):
            self._rerank_candidates.labels(source)
        self.in_flight = Gauge(
            "recompose_requests_in_flight",
            "Requests being worked on now.",
            registry=self.registry,
        )
        self.in_flight_limit = Gauge(
            "recompose_requests_in_flight_limit",
            "Requests that may be worked on at once; more are refused.",
            registry=self.registry,
        )
        self.ready = Gauge(
            "recompose_ready",
            "1 while the gateway is ready: a real inference and a real query succeeded lately.",
            registry=self.registry,
        )
        self.loop_lag_seconds = Histogram(
            "recompose_loop_lag_seconds",
            "How much later than due the event loop came to moments 20 ms apart, in seconds.",
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        self.loop_tasks = Gauge(
            "recompose_event_loop_tasks",
            "asyncio tasks of the gateway's event loop that are not done.",
            registry=self.registry,
        )
        self._model = Gauge(
            "recompose_model_info",
            "The model being served; always 1.",
            ["name", "digest", "precision"],
            registry=self.registry,
        )
        self.model_matches_index = Gauge(
            "recompose_model_matches_index",
            "1 while the model being served is the one that the index's alias names.",
            registry=self.registry,
        )
        self._imported = Counter(
            "recompose_imported_products",
            "Products of imports, by what became of each: imported, unchanged, failed.",
            ["outcome"],
            registry=self.registry,
        )
        self._products = Gauge(
            "recompose_index_products",
            "Products of all catalogs in the live index; NaN until it was read.",
            registry=self.registry,
        )
        self._updated_at = Gauge(
            "recompose_index_updated_timestamp_seconds",
            "When a product of the live index was last written, in seconds since the epoch; NaN "
            "where there is none.",
            registry=self.registry,
        )
        self.indexed(math.nan, None)
        # So that the first of them is an increase, too.
        for outcome in ("imported", "unchanged", "failed"):
            self._imported.labels(outcome)
        self._audits = Counter(
            "recompose_index_audits",
            "Recall audits that this replica made by itself: ok, empty (nothing to compare), "
            "failed.",
            ["outcome"],
            registry=self.registry,
        )
        self._recall = Gauge(
            "recompose_index_recall_at50",
            "Recall@50 of searches against exact MaxSim, by the last audit; NaN before the first.",
            registry=self.registry,
        )
        self._prefetch_depth = Gauge(
            "recompose_index_prefetch_depth",
            "Candidates that a search takes by pooled vector; 0 where it scans all tokens.",
            registry=self.registry,
        )
        self._image_only_prefetch_depth = Gauge(
            "recompose_index_image_only_prefetch_depth",
            "The same of a search by a picture without words.",
            registry=self.registry,
        )
        self._audited_products = Gauge(
            "recompose_index_audited_products",
            "Products that the last audit found in the index; NaN before the first.",
            registry=self.registry,
        )
        self._audit_age = Gauge(
            "recompose_index_audit_age_seconds",
            "Time since the last audit of the index, in seconds; NaN before the first.",
            registry=self.registry,
        )
        self._spans = Counter(
            "recompose_spans",
            "Spans of traces, by outcome: exported, failed (the collector did not take them), "
            "dropped (too many were waiting). None where traces are off.",
            ["outcome"],
            registry=self.registry,
        )

        for outcome in ("ok", "empty", "failed"):
            self._audits.labels(outcome)

    def observe_request(self, edge: str, method: str, code: str, seconds: float) -> None:
        """Count an answered request; ``code`` is a gRPC status name or an HTTP status."""
        self._requests.labels(edge, method, code).inc()
        self._request_seconds.labels(edge, method).observe(seconds)

    def observe_dependency(self, dependency: str, outcome: str, seconds: float) -> None:
        """Count a call to a dependency; ``outcome`` is ``ok`` or a short word for what failed."""
        self._dependency_calls.labels(dependency, outcome).inc()
        self._dependency_seconds.labels(dependency).observe(seconds)

    def count_cache(self, outcome: str) -> None:
        """Count a lookup in the cache of embeddings."""
        self._cache_lookups.labels(outcome).inc()

    def observe_rerank(self, outcome: RerankOutcome, seconds: float) -> None:
        """Count a second stage."""
        self._reranks.labels(outcome.lower()).inc()
        self._rerank_seconds.observe(seconds)

    def count_rerank_candidate(self, source: str) -> None:
        """Count a candidate of a second stage: ``cache`` or ``computed``."""
        self._rerank_candidates.labels(source).inc()

    def count_import(self, outcome: str) -> None:
        """Count a product of an import: ``imported``, ``unchanged`` or ``failed``."""
        self._imported.labels(outcome).inc()

    def indexed(self, products: float, updated_at_s: float | None) -> None:
        """Say how many products the live index holds, and when one was last written."""
        self._products.set(products)
        self._updated_at.set(math.nan if updated_at_s is None else updated_at_s)

    def count_audit(self, outcome: str) -> None:
        """Count an audit that this replica made by itself."""
        self._audits.labels(outcome).inc()

    def count_spans(self, outcome: str, spans: int) -> None:
        """Count spans: ``exported``, ``failed`` or ``dropped``."""
        self._spans.labels(outcome).inc(spans)

    def tuned(self, tuning: Tuning | None, untuned_depth: int) -> None:
        """Say how searches are made: by the last audit, or with a depth where there was none."""
        route = tuning.route if tuning else Pooled(untuned_depth)
        image_only = (tuning.image_only_route if tuning else None) or route
        for gauge, own in (
            (self._prefetch_depth, route),
            (self._image_only_prefetch_depth, image_only),
        ):
            gauge.set(own.depth if isinstance(own, Pooled) else 0)
        self._recall.set(math.nan if tuning is None else tuning.recall)
        self._audited_products.set(math.nan if tuning is None else tuning.products)
        audited_at_s = math.nan if tuning is None else tuning.audited_at_s
        self._audit_age.set_function(lambda: time.time() - audited_at_s)

    def serving(self, name: str, digest: str, precision: str) -> None:
        """Say which model is served, and no other."""
        self._model.clear()
        self._model.labels(name, digest[:12], precision).set(1)


def request_id(candidate: str | None) -> str:
    """A well-formed id that came with the request (8 to 64 letters, digits, ``_``, ``-``), else
    a new one. An id is logged, so nothing else may pass."""
    if candidate is not None and _REQUEST_ID.fullmatch(candidate):
        return candidate
    return secrets.token_hex(8)


def configure_logging(log_format: Literal["json", "text"]) -> None:
    """Structured logs on standard error. Only names and numbers of our own are ever logged."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
