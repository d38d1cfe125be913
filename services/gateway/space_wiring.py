"""Wiring, the part about models and the index: from a bundle's folder to a space that is served."""

import asyncio
import contextlib
from pathlib import Path

import numpy as np

from gateway.audit.recall import RecallAudit
from gateway.audit.schedule import AuditSchedule
from gateway.index_watch import IndexWatch
from gateway.settings import Settings, SettingsError
from gateway.space import EmbeddingSpace
from gateway.spaces import Spaces
from gateway.telemetry import Metrics
from gateway.tuning import Tuned, TuningWatch
from retrieval.breaker import Breaker
from retrieval.bundle import Bundle, BundleError, load_bundle
from retrieval.domain import Deadline, Observe, Trace, ignore_observation, ignore_trace
from retrieval.errors import ServiceUnavailable
from retrieval.ports import BULK_BUDGET_S, Lease
from retrieval.preprocess.text import Tokenizer
from retrieval.qdrant import Connection, QdrantIndex, QdrantModelRegistry, connect
from retrieval.qdrant.index import BeforeWrite, any_write
from retrieval.triton import TritonEncoder, TritonReranker


class HeldSpaces:
    """The spaces of a running gateway: that of its bundle, and those it opens on the way."""

    def __init__(
        self, settings: Settings, metrics: Metrics, lease: Lease, trace: Trace = ignore_trace
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._trace = trace
        self._lease = lease
        self._client = qdrant_of(settings)
        self._models: list[TritonEncoder | TritonReranker] = []
        self._indexes: dict[str, QdrantIndex] = {}
        metrics.tuned(None, settings.prefetch_depth)
        first = self._space(*read_bundle(settings.bundle_dir))
        self._announce(first)
        self.spaces = Spaces(
            first,
            QdrantModelRegistry(self._client, observe=metrics.observe_dependency, trace=trace),
            self._open,
            self._announce,
            interval_s=settings.model_refresh_s,
            budget_s=max(2.0, settings.triton_budget_s),
        )

    async def prepare(self, deadline: Deadline) -> None:
        """Make what is missing of the live collection; the first bundle's where none is live."""
        with contextlib.suppress(ServiceUnavailable):  # readiness asks again, and says so
            await self.spaces.refresh()
        if self.spaces.follows or self.spaces.nothing_is_live:
            await self._indexes[self.spaces.live.model].ensure_collection(deadline)
            await self.spaces.refresh()

    async def close(self) -> None:
        await asyncio.gather(*(model.close() for model in self._models))
        await self._client.close()

    async def _open(self, model: str) -> EmbeddingSpace | None:
        folder = self._settings.published_bundles / model
        try:
            bundle, tokenizer = await asyncio.to_thread(read_bundle, folder)
        except BundleError:
            return None
        return self._space(bundle, tokenizer) if bundle.short_digest == model else None

    def _space(self, bundle: Bundle, tokenizer: Tokenizer) -> EmbeddingSpace:
        settings, metrics, model = self._settings, self._metrics, bundle.short_digest

        async def before_write(deadline: Deadline) -> None:
            await self.spaces.allow_write(model, deadline)

        def is_live() -> bool:
            return self.spaces.live.model == model

        encoder = TritonEncoder(
            settings.triton_url,
            bundle,
            breaker=Breaker(patience_s=settings.triton_budget_s / 2),
            observe=metrics.observe_dependency,
            trace=self._trace,
        )
        self._models.append(encoder)
        index = index_of(
            settings,
            bundle,
            self._client,
            metrics.observe_dependency,
            before_write,
            self._trace,
        )
        self._indexes[model] = index
        tuned = Tuned()
        tuning = TuningWatch(
            index.audits,
            tuned,
            lambda found: metrics.tuned(found, settings.prefetch_depth) if is_live() else None,
            interval_s=settings.tuning_refresh_s,
            budget_s=settings.qdrant_budget_s,
        )
        schedule = AuditSchedule(
            audit_with(settings, index),
            index.audits,
            tuning,
            self._lease,
            name=b"audit:" + index.collection.encode(),
            count=metrics.count_audit,
            quiet_s=settings.audit_quiet_s,
            change_share=settings.audit_change_share,
            lease_s=settings.audit_budget_s,
            wanted=is_live,
        )
        return EmbeddingSpace(
            bundle,
            tokenizer,
            encoder,
            index,
            index,
            index.audits,
            tuned,
            (
                tuning.watch,
                schedule.watch,
                IndexWatch(index.audits, metrics.indexed, is_live).watch,
            ),
            reranker=self._reranker(bundle),
        )

    def _reranker(self, bundle: Bundle) -> TritonReranker | None:
        if bundle.reranker is None:
            return None
        settings = self._settings
        reranker = TritonReranker(
            settings.triton_url,
            bundle,
            breaker=Breaker(patience_s=settings.rerank_budget_s / 2),
            observe=self._metrics.observe_dependency,
            trace=self._trace,
        )
        self._models.append(reranker)
        return reranker

    def _announce(self, space: EmbeddingSpace) -> None:
        bundle = space.bundle
        self._metrics.serving(bundle.name, bundle.digest, bundle.precision)
        self._metrics.tuned(space.tuned.current, self._settings.prefetch_depth)


def read_bundle(folder: Path) -> tuple[Bundle, Tokenizer]:
    """What serving needs of a bundle's folder. Raises BundleError."""
    bundle = load_bundle(folder)
    try:
        tokenizer = Tokenizer.from_file(
            folder / "tokenizer.json",
            max_tokens=bundle.sizes.text_length,
            max_words=bundle.text.max_words,
        )
    except (OSError, ValueError):
        raise BundleError(f"{folder} holds no readable tokenizer.json") from None
    return bundle, tokenizer


async def live_bundle(settings: Settings, client: Connection) -> Bundle:
    """The bundle of the model that is live, among those that gateways with these settings hold.

    Their own first one where none is live, or where the live one's is not here: what is made with
    it then finds that another model is live. Raises BundleError, `DependencyError`.
    """
    own = load_bundle(settings.bundle_dir)
    live = (await QdrantModelRegistry(client).models(Deadline.after(BULK_BUDGET_S))).live
    if live is None or live == own.short_digest:
        return own
    try:
        return load_bundle(settings.published_bundles / live)
    except BundleError:
        return own


def index_of(
    settings: Settings,
    bundle: Bundle,
    client: Connection,
    observe: Observe = ignore_observation,
    before_write: BeforeWrite = any_write,
    trace: Trace = ignore_trace,
) -> QdrantIndex:
    """The index of a bundle's collection."""
    return QdrantIndex(
        client,
        digest=bundle.digest,
        query_tokens=bundle.sizes.query_tokens,
        embed_dim=bundle.sizes.embed_dim,
        fields=settings.filterable_fields,
        prefetch_depth=settings.prefetch_depth,
        budget_s=settings.qdrant_budget_s,
        observe=observe,
        trace=trace,
        before_write=before_write,
    )


def audit_with(settings: Settings, index: QdrantIndex) -> RecallAudit:
    """The audit of an index."""
    return RecallAudit(
        index,
        index.audits,
        sample=settings.audit_sample,
        budget_s=settings.audit_budget_s,
        smallest_depth=settings.ranking_depth,
        random=np.random.default_rng(),
    )


def qdrant_of(settings: Settings) -> Connection:
    """A connection to the index. Raises SettingsError."""
    key = settings.qdrant_api_key
    try:
        return connect(settings.qdrant_url, api_key=None if key is None else key.get_secret_value())
    except ValueError as error:
        raise SettingsError(f"{error}.") from None
