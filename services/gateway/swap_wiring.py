"""Wiring, the part of the commands of a model swap: settings in, the steps' world out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass

from gateway.audit.recall import RecallAudit
from gateway.model_swap.parts import Progress, SwapParts, SwapRefused
from gateway.pictures import PictureWorkshop
from gateway.settings import Settings
from gateway.space import EmbeddingSpace
from gateway.space_wiring import audit_with, index_of, qdrant_of, read_bundle
from gateway.store_wiring import STORE_THREADS, image_store_of
from retrieval.bundle import BundleError, load_bundle
from retrieval.domain import Deadline, ignore_observation
from retrieval.qdrant import Connection, QdrantIndex, QdrantModelRegistry
from retrieval.qdrant.copies import QdrantCopies
from retrieval.triton import TritonEncoder


@dataclass(frozen=True, slots=True)
class _Side:
    space: EmbeddingSpace
    index: QdrantIndex
    encoder: TritonEncoder

    @property
    def copies(self) -> QdrantCopies:
        return self.index.copies

    async def ensure(self, deadline: Deadline) -> None:
        await self.index.ensure_collection(deadline)


class Sides:
    """The models whose bundles are here, each opened when it is first asked for."""

    def __init__(self, settings: Settings, client: Connection) -> None:
        self._settings = settings
        self._client = client
        self._open: dict[str, _Side] = {}

    def __call__(self, model: str) -> _Side:
        """The side of a model, by short digest. Raises SwapRefused, BundleError."""
        if model not in self._open:
            self._open[model] = self._side(model)
        return self._open[model]

    def audit(self, model: str) -> RecallAudit:
        """The audit of a model's collection. Raises SwapRefused, BundleError."""
        return audit_with(self._settings, self(model).index)

    async def close(self) -> None:
        await asyncio.gather(*(side.encoder.close() for side in self._open.values()))

    def _side(self, model: str) -> _Side:
        settings = self._settings
        for folder in (settings.published_bundles / model, settings.bundle_dir):
            try:
                if load_bundle(folder).short_digest != model:
                    continue
            except BundleError:
                continue
            bundle, tokenizer = read_bundle(folder)
            index = index_of(settings, bundle, self._client)
            encoder = TritonEncoder(settings.triton_url, bundle)
            space = EmbeddingSpace(bundle, tokenizer, encoder, index, index, index.audits)
            return _Side(space, index, encoder)
        raise SwapRefused(f"the bundle of {model} is not here: run 'model publish'")


@asynccontextmanager
async def swap_parts(
    settings: Settings,
    say: Callable[[str], None],
    progress: Callable[[str, int], AbstractContextManager[Progress]],
) -> AsyncIterator[tuple[SwapParts, Sides]]:
    """What the steps of a swap stand on. Raises SettingsError."""
    client = qdrant_of(settings)
    threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="image-store")
    workshop = PictureWorkshop(settings.picture_workers)
    sides = Sides(settings, client)
    try:
        yield (
            SwapParts(
                registry=QdrantModelRegistry(client),
                images=image_store_of(settings, threads, ignore_observation),
                workshop=workshop,
                side=sides,
                batch=settings.embed_batch,
                say=say,
                progress=progress,
                now=time.time,
                sleep=asyncio.sleep,
            ),
            sides,
        )
    finally:
        await sides.close()
        await client.close()
        workshop.close()
        threads.shutdown(wait=False)
