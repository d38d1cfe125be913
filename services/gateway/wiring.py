"""The one place that names concrete classes: settings in, a gateway out."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from httpcore2 import AnyIOBackend
from pydantic import SecretStr

from gateway.access.access_wiring import access_of
from gateway.access.audit_log import AuditedCatalog
from gateway.access.tenants import TenantCatalog, TenantSearch
from gateway.admission import Admission
from gateway.audit.recall import RecallAudit
from gateway.backup.embedding import PictureEmbedder
from gateway.backup.making import Backup
from gateway.backup.manifest import Model
from gateway.backup.restoring import Restore
from gateway.candidate_embeds import CandidateEmbeds
from gateway.catalog import Catalog
from gateway.concurrency import Concurrency
from gateway.edge_parts import MAX_BUFFERED_BYTES, Budgets, EdgeParts
from gateway.importing import Importer
from gateway.late_imports import late_imports
from gateway.picture_collection import PictureCollection
from gateway.pictures import PictureWorkshop
from gateway.pressure import Pressure, read_memory_limit
from gateway.query_vectors import QueryVectors
from gateway.readiness import Readiness
from gateway.reference_pictures import PictureReader
from gateway.search import Search
from gateway.second_stage import SecondStage
from gateway.settings import Settings, SettingsError
from gateway.space_wiring import HeldSpaces, audit_with, index_of, live_bundle, qdrant_of
from gateway.store_wiring import STORE_THREADS, image_store_of, patient_image_store
from gateway.storefront import Storefront, StorefrontMissing
from gateway.telemetry import Metrics, request_id
from gateway.tls import Certificates
from gateway.tracing.settings import TracingSettings
from gateway.tracing.wiring import tracing_of
from retrieval.bundle import Bundle
from retrieval.cache import RedisEmbeddingCache
from retrieval.domain import Observe, Trace, ignore_observation
from retrieval.image_fetch import DisabledImageFetcher
from retrieval.image_fetch.connecting import public_tls
from retrieval.image_fetch.fetcher import GuardedImageFetcher
from retrieval.image_fetch.hosts import HostAllowlist, any_host
from retrieval.image_fetch.resolving import SystemResolver
from retrieval.lease import RedisLease
from retrieval.permits import ByteBudget
from retrieval.ports import ImageFetcher
from retrieval.qdrant import Connection, QdrantPictureReferences
from retrieval.redis_link import RedisLink
from retrieval.snapshots import RedisSnapshotStore
from retrieval.triton import TritonEncoder

if TYPE_CHECKING:
    from fastapi import FastAPI


@dataclass(frozen=True, slots=True)
class Gateway:
    """A wired gateway: what the lifecycle starts, watches and closes."""

    settings: Settings
    metrics: Metrics
    admission: Admission
    readiness: Readiness
    grpc_server: grpc.aio.Server
    rest_app: "FastAPI"
    health_app: "FastAPI"
    """Probes and metrics alone, for the health port."""
    certificates: Certificates | None
    watchers: tuple[Callable[[], Coroutine[None, None, None]], ...]
    closers: tuple[Callable[[], Awaitable[None]], ...]

    async def close(self) -> None:
        """Close every connection and pool."""
        await asyncio.gather(*(close() for close in self.closers))


def build(settings: Settings, traced: TracingSettings | None = None) -> Gateway:
    """Wire a gateway on the running event loop; connects to nothing yet. Without ``traced`` it
    makes no traces.

    Raises BundleError, SettingsError, and OSError when the gRPC port cannot be bound.
    """
    # Late: the commands wire other things here, and the edges are costly to import.
    with late_imports():
        from gateway.grpc_server import build_grpc_server
        from gateway.health_app import build_health_app
        from gateway.rest_api import build_rest_app

    metrics = Metrics()
    observe = metrics.observe_dependency
    tracing = tracing_of(traced, metrics.count_spans)
    trace = tracing.step
    fields = settings.filterable_fields

    secret = settings.cache_key.get_secret_value().encode()
    cache_link = _redis_link(settings.redis_url, settings, observe, trace)
    ranking_url = settings.snapshot_redis_url or settings.redis_url
    ranking_link = _redis_link(ranking_url, settings, observe, trace)
    held = HeldSpaces(settings, metrics, RedisLease(ranking_link), trace)
    spaces = held.spaces
    cache = RedisEmbeddingCache(cache_link, secret=secret, count=metrics.count_cache, trace=trace)
    snapshots = RedisSnapshotStore(ranking_link, secret=secret)
    store_threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="image-store")
    images = image_store_of(settings, store_threads, observe)
    buffered = ByteBudget(MAX_BUFFERED_BYTES)
    fetcher, close_fetcher = image_fetcher_of(settings, buffered, observe)
    workshop = PictureWorkshop(settings.picture_workers)

    readiness = Readiness(
        spaces,
        held.prepare,
        metrics,
        ready_file=settings.ready_file,
        interval_s=settings.probe_interval_s,
        probe_budget_s=max(1.0, settings.triton_budget_s),
    )
    concurrency = Concurrency(settings.max_in_flight, settings.search_target_s)

    def observe_lag(lag_s: float) -> None:
        metrics.loop_lag_seconds.observe(lag_s)
        concurrency.late(lag_s)

    pressure = Pressure(
        max_lag_s=settings.max_loop_lag_s,
        memory_limit_bytes=settings.memory_limit_bytes or read_memory_limit(),
        observe_lag=observe_lag,
    )
    admission = Admission(concurrency, pressure.is_high)
    metrics.in_flight.set_function(lambda: admission.in_flight)
    metrics.in_flight_limit.set_function(lambda: admission.limit)
    loop = asyncio.get_running_loop()
    metrics.loop_tasks.set_function(lambda: len(asyncio.all_tasks(loop)))
    metrics.model_matches_index.set_function(lambda: spaces.follows)
    storefront = storefront_of(settings)
    access = access_of(settings, ranking_link, observe)
    pictures = PictureReader(images, workshop, trace)
    vectors = QueryVectors(cache, pictures, settings.triton_budget_s, trace)
    candidates = CandidateEmbeds(
        cache,
        pictures,
        settings.triton_budget_s,
        settings.embed_batch,
        count=metrics.count_rerank_candidate,
        trace=trace,
    )
    second_stage = SecondStage(
        vectors,
        candidates,
        budget_s=settings.rerank_budget_s,
        page_reserve_s=settings.qdrant_budget_s,
        observe=metrics.observe_rerank,
        trace=trace,
    )
    search = Search(
        spaces,
        vectors,
        second_stage,
        snapshots,
        fetcher,
        fields,
        settings.ranking_depth,
        lambda: readiness.encoder_down,
        trace,
    )
    importer = Importer(
        images,
        fetcher,
        workshop,
        fields,
        settings.embed_batch,
        count=metrics.count_import,
        trace=trace,
    )
    catalog = Catalog(spaces, importer, images, fields)
    parts = EdgeParts(
        search=TenantSearch(search),
        catalog=AuditedCatalog(TenantCatalog(catalog)),
        admission=admission,
        metrics=metrics,
        readiness=readiness,
        request_id=request_id,
        budgets=Budgets(
            search_s=settings.search_budget_s,
            image_uri_s=settings.image_uri_budget_s,
            rerank_s=settings.rerank_budget_s,
            import_s=settings.import_budget_s,
        ),
        access=access.guard,
        trace=tracing.request,
        buffered=buffered,
    )
    grpc_server = build_grpc_server(parts)
    address = f"{settings.grpc_host}:{settings.grpc_port}"
    try:
        if access.certificates is None:
            grpc_server.add_insecure_port(address)
        else:
            grpc_server.add_secure_port(address, access.certificates.grpc())
    except RuntimeError:
        raise OSError(f"GRPC_PORT {settings.grpc_port} cannot be bound") from None

    async def close_cache() -> None:
        await cache.settle()
        await cache_link.close()

    async def close_pools() -> None:
        close_fetcher()
        workshop.close()
        store_threads.shutdown(wait=False)

    return Gateway(
        settings=settings,
        metrics=metrics,
        admission=admission,
        readiness=readiness,
        grpc_server=grpc_server,
        rest_app=build_rest_app(parts, storefront=storefront, cors_origins=settings.cors_origins),
        health_app=build_health_app(parts),
        certificates=access.certificates,
        watchers=(
            readiness.watch,
            pressure.watch,
            spaces.watch,
            *access.watchers,
        ),
        closers=(held.close, close_cache, ranking_link.close, close_pools, tracing.close),
    )


def storefront_of(settings: Settings) -> Storefront | None:
    """The storefront that is to be served. Raises SettingsError."""
    if settings.storefront_dir is None:
        return None
    try:
        return Storefront(settings.storefront_dir, image_uris=settings.image_uris != "off")
    except StorefrontMissing as error:
        raise SettingsError(str(error)) from None


def image_fetcher_of(
    settings: Settings, buffered: ByteBudget, observe: Observe
) -> tuple[ImageFetcher, Callable[[], None]]:
    """What fetches pictures by their address, and what closes it."""
    if settings.image_uris == "off":
        return DisabledImageFetcher(), lambda: None
    hosts = any_host if settings.image_uris == "public" else HostAllowlist(settings.image_uri_hosts)
    resolver = SystemResolver()
    fetcher = GuardedImageFetcher(
        hosts,
        resolver,
        AnyIOBackend(),
        public_tls(),
        buffered,
        budget_s=settings.image_uri_budget_s,
        observe=observe,
    )
    return fetcher, resolver.close


@asynccontextmanager
async def _qdrant(settings: Settings) -> AsyncIterator[Connection]:
    client = qdrant_of(settings)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def audit_of(settings: Settings) -> AsyncIterator[RecallAudit]:
    """The audit of the index that a gateway with these settings searches, by itself.

    Raises BundleError, SettingsError.
    """
    async with _qdrant(settings) as client:
        yield audit_with(settings, index_of(settings, await live_bundle(settings, client), client))


@asynccontextmanager
async def backup_of(settings: Settings) -> AsyncIterator[Backup]:
    """What backs up the catalogs of a gateway with these settings. Raises BundleError,
    SettingsError."""
    with ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="image-store") as threads:
        images = patient_image_store(settings, threads)
        async with _qdrant(settings) as client:
            bundle = await live_bundle(settings, client)
            index = index_of(settings, bundle, client)
            yield Backup(index.portable, index.audits, images, _model(bundle))


@asynccontextmanager
async def restore_of(settings: Settings, *, embed: bool) -> AsyncIterator[Restore]:
    """What restores into the index and the image store of a gateway with these settings; with
    ``embed`` it computes tokens by Triton. Raises BundleError, SettingsError."""
    async with AsyncExitStack() as closing:
        client = await closing.enter_async_context(_qdrant(settings))
        bundle = await live_bundle(settings, client)
        index = index_of(settings, bundle, client)
        threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="image-store")
        closing.callback(threads.shutdown)
        images = patient_image_store(settings, threads)
        embedder = None
        if embed:
            encoder = TritonEncoder(settings.triton_url, bundle)
            closing.push_async_callback(encoder.close)
            workshop = PictureWorkshop(settings.picture_workers)
            closing.callback(workshop.close)
            embedder = PictureEmbedder(encoder, workshop, bundle)
        yield Restore(index.portable, index, index.audits, images, _model(bundle), embedder)


def _model(bundle: Bundle) -> Model:
    sizes = bundle.sizes
    return Model(
        name=bundle.name,
        digest=bundle.digest,
        query_tokens=sizes.query_tokens,
        embed_dim=sizes.embed_dim,
    )


def build_picture_collection(
    settings: Settings,
) -> tuple[PictureCollection, Callable[[], Awaitable[None]]]:
    """Wire what removes unused pictures, and what closes it. Raises SettingsError."""
    threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="image-store")
    references = QdrantPictureReferences(qdrant_of(settings))
    store = image_store_of(settings, threads, ignore_observation)

    async def close() -> None:
        await references.close()
        threads.shutdown(wait=False)

    return PictureCollection(references, store, time.time), close


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _redis_link(
    url: SecretStr | None, settings: Settings, observe: Observe, trace: Trace
) -> RedisLink:
    try:
        return RedisLink(
            _revealed(url), budget_s=settings.redis_budget_s, observe=observe, trace=trace
        )
    except ValueError:
        raise SettingsError("REDIS_URL is redis://, rediss:// or unix://.") from None
