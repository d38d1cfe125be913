"""The one place that names concrete classes: settings in, a gateway out."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import grpc
import numpy as np
import structlog
from fastapi import FastAPI
from pydantic import SecretStr

from gateway.admission import Admission
from gateway.audit.recall import RecallAudit
from gateway.audit.schedule import AuditSchedule
from gateway.backup.embedding import PictureEmbedder
from gateway.backup.making import Backup
from gateway.backup.manifest import Model
from gateway.backup.restoring import Restore
from gateway.catalog import Catalog
from gateway.edge_parts import Budgets, EdgeParts
from gateway.grpc_server import build_grpc_server
from gateway.importing import Importer
from gateway.picture_collection import PictureCollection
from gateway.pictures import PictureWorkshop
from gateway.query_vectors import QueryVectors
from gateway.readiness import Readiness, watch_loop_lag
from gateway.rest_api import build_rest_app
from gateway.search import Search
from gateway.settings import Settings, SettingsError
from gateway.space import EmbeddingSpace
from gateway.telemetry import Metrics, request_id
from gateway.tuning import TuningWatch
from retrieval.bundle import Bundle, BundleError, load_bundle
from retrieval.cache import RedisEmbeddingCache
from retrieval.domain import Observe, ignore_observation
from retrieval.image_fetch import DisabledImageFetcher
from retrieval.image_store import FolderImageStore
from retrieval.image_store.s3 import S3ImageStore
from retrieval.image_store.verified import ReportDamage, VerifiedImageStore
from retrieval.lease import RedisLease
from retrieval.preprocess.text import Tokenizer
from retrieval.qdrant import Connection, QdrantIndex, QdrantPictureReferences, connect
from retrieval.redis_link import RedisLink
from retrieval.snapshots import RedisSnapshotStore
from retrieval.triton import TritonEncoder

_STORE_THREADS = 4
_PATIENT_S = 60.0


class _StoreOptions(TypedDict):
    read_budget_s: float
    observe: Observe
    report_damage: ReportDamage


@dataclass(frozen=True, slots=True)
class Gateway:
    """A wired gateway: what the lifecycle starts, watches and closes."""

    settings: Settings
    metrics: Metrics
    admission: Admission
    readiness: Readiness
    grpc_server: grpc.aio.Server
    rest_app: FastAPI
    watchers: tuple[Callable[[], Coroutine[None, None, None]], ...]
    closers: tuple[Callable[[], Awaitable[None]], ...]

    async def close(self) -> None:
        """Close every connection and pool."""
        await asyncio.gather(*(close() for close in self.closers))


def build(settings: Settings) -> Gateway:
    """Wire a gateway on the running event loop; connects to nothing yet.

    Raises BundleError, SettingsError, and OSError when the gRPC port cannot be bound.
    """
    metrics = Metrics()
    observe = metrics.observe_dependency
    fields = settings.filterable_fields

    bundle = load_bundle(settings.bundle_dir)
    metrics.serving(bundle.name, bundle.digest, bundle.precision)
    try:
        tokenizer = Tokenizer.from_file(
            settings.bundle_dir / "tokenizer.json",
            max_tokens=bundle.sizes.text_length,
            max_words=bundle.text.max_words,
        )
    except (OSError, ValueError):
        raise BundleError(f"{settings.bundle_dir} holds no readable tokenizer.json") from None
    encoder = TritonEncoder(settings.triton_url, bundle, observe=observe)
    index = _index(settings, bundle, observe)
    space = EmbeddingSpace(bundle, tokenizer, encoder, index, index)

    secret = settings.cache_key.get_secret_value().encode()
    cache_link = _redis_link(settings.redis_url, settings, observe)
    ranking_link = _redis_link(settings.snapshot_redis_url or settings.redis_url, settings, observe)
    cache = RedisEmbeddingCache(cache_link, secret=secret, count=metrics.count_cache)
    snapshots = RedisSnapshotStore(ranking_link, secret=secret)
    store_threads = ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="image-store")
    images = _image_store(settings, store_threads, observe)
    fetcher = DisabledImageFetcher()
    workshop = PictureWorkshop(settings.picture_workers)

    readiness = Readiness(
        space,
        index.ensure_collection,
        metrics,
        ready_file=settings.ready_file,
        interval_s=settings.probe_interval_s,
        probe_budget_s=max(1.0, settings.triton_budget_s),
    )
    admission = Admission(settings.max_in_flight)
    metrics.in_flight.set_function(lambda: admission.in_flight)
    parts = EdgeParts(
        search=Search(
            space,
            QueryVectors(cache, images, workshop, settings.triton_budget_s),
            snapshots,
            fetcher,
            fields,
            settings.ranking_depth,
            lambda: readiness.encoder_down,
        ),
        catalog=Catalog(
            space,
            Importer(images, fetcher, workshop, fields, settings.embed_batch),
            images,
            fields,
        ),
        admission=admission,
        metrics=metrics,
        readiness=readiness,
        request_id=request_id,
        budgets=Budgets(search_s=settings.search_budget_s, import_s=settings.import_budget_s),
    )
    tuning = TuningWatch(
        index.audits,
        space.tuned,
        lambda found: metrics.tuned(found, settings.prefetch_depth),
        interval_s=settings.tuning_refresh_s,
        budget_s=settings.qdrant_budget_s,
    )
    metrics.tuned(None, settings.prefetch_depth)
    schedule = AuditSchedule(
        _audit(settings, index),
        index.audits,
        tuning,
        RedisLease(ranking_link),
        name=b"audit:" + index.collection.encode(),
        count=metrics.count_audit,
        quiet_s=settings.audit_quiet_s,
        change_share=settings.audit_change_share,
        lease_s=settings.audit_budget_s,
    )
    grpc_server = build_grpc_server(parts)
    try:
        grpc_server.add_insecure_port(f"{settings.grpc_host}:{settings.grpc_port}")
    except RuntimeError:
        raise OSError(f"GRPC_PORT {settings.grpc_port} cannot be bound") from None

    async def close_pools() -> None:
        workshop.close()
        store_threads.shutdown(wait=False)

    return Gateway(
        settings=settings,
        metrics=metrics,
        admission=admission,
        readiness=readiness,
        grpc_server=grpc_server,
        rest_app=build_rest_app(parts),
        watchers=(
            readiness.watch,
            lambda: watch_loop_lag(metrics),
            tuning.watch,
            schedule.watch,
        ),
        closers=(encoder.close, index.close, cache_link.close, ranking_link.close, close_pools),
    )


@asynccontextmanager
async def audit_of(settings: Settings) -> AsyncIterator[RecallAudit]:
    """The audit of the index that a gateway with these settings searches, by itself.

    Raises BundleError, SettingsError.
    """
    index = _index(settings, load_bundle(settings.bundle_dir), ignore_observation)
    try:
        yield _audit(settings, index)
    finally:
        await index.close()


def _audit(settings: Settings, index: QdrantIndex) -> RecallAudit:
    return RecallAudit(
        index,
        index.audits,
        sample=settings.audit_sample,
        budget_s=settings.audit_budget_s,
        smallest_depth=settings.ranking_depth,
        random=np.random.default_rng(),
    )


def _index(settings: Settings, bundle: Bundle, observe: Observe) -> QdrantIndex:
    return QdrantIndex(
        _qdrant(settings),
        digest=bundle.digest,
        query_tokens=bundle.sizes.query_tokens,
        embed_dim=bundle.sizes.embed_dim,
        fields=settings.filterable_fields,
        prefetch_depth=settings.prefetch_depth,
        budget_s=settings.qdrant_budget_s,
        observe=observe,
    )


@asynccontextmanager
async def backup_of(settings: Settings) -> AsyncIterator[Backup]:
    """What backs up the catalogs of a gateway with these settings. Raises BundleError,
    SettingsError."""
    bundle = load_bundle(settings.bundle_dir)
    index = _index(settings, bundle, ignore_observation)
    with ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="image-store") as threads:
        images = _patient_image_store(settings, threads)
        try:
            yield Backup(index.portable, index.audits, images, _model(bundle))
        finally:
            await index.close()


@asynccontextmanager
async def restore_of(settings: Settings, *, embed: bool) -> AsyncIterator[Restore]:
    """What restores into the index and the image store of a gateway with these settings; with
    ``embed`` it computes tokens by Triton. Raises BundleError, SettingsError."""
    bundle = load_bundle(settings.bundle_dir)
    index = _index(settings, bundle, ignore_observation)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(index.close)
        threads = ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="image-store")
        closing.callback(threads.shutdown)
        images = _patient_image_store(settings, threads)
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


def _patient_image_store(settings: Settings, threads: Executor) -> VerifiedImageStore:
    """The image store for those whom no shopper waits for."""
    patient = settings.model_copy(update={"image_store_budget_s": _PATIENT_S})
    return _image_store(patient, threads, ignore_observation)


def build_picture_collection(
    settings: Settings,
) -> tuple[PictureCollection, Callable[[], Awaitable[None]]]:
    """Wire what removes unused pictures, and what closes it. Raises SettingsError."""
    threads = ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="image-store")
    references = QdrantPictureReferences(_qdrant(settings))
    store = _image_store(settings, threads, ignore_observation)

    async def close() -> None:
        await references.close()
        threads.shutdown(wait=False)

    return PictureCollection(references, store, time.time), close


def _qdrant(settings: Settings) -> Connection:
    try:
        return connect(settings.qdrant_url, api_key=_revealed(settings.qdrant_api_key))
    except ValueError as error:
        raise SettingsError(f"{error}.") from None


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _image_store(settings: Settings, threads: Executor, observe: Observe) -> VerifiedImageStore:
    options: _StoreOptions = {
        "read_budget_s": settings.image_store_budget_s,
        "observe": observe,
        "report_damage": _report_damage,
    }
    where = settings.image_store or str(settings.data_dir / "images")
    try:
        if "://" not in where:
            return FolderImageStore(Path(where).expanduser(), threads, **options)
        return S3ImageStore(
            where,
            threads,
            endpoint=settings.image_store_endpoint,
            region=settings.image_store_region,
            **options,
        )
    except ValueError as error:
        raise SettingsError(f"{error}.") from None
    except OSError as error:
        name = "IMAGE_STORE" if settings.image_store else "DATA_DIR"
        raise SettingsError(f"{name} cannot be written: {error.strerror}.") from None


def _report_damage(sha256: str) -> None:
    """Picture names are no personal data: they stand for what the shop itself imported."""
    structlog.get_logger().error("picture_damaged", sha256=sha256)


def _redis_link(url: SecretStr | None, settings: Settings, observe: Observe) -> RedisLink:
    try:
        return RedisLink(_revealed(url), budget_s=settings.redis_budget_s, observe=observe)
    except ValueError:
        raise SettingsError("REDIS_URL is redis://, rediss:// or unix://.") from None
