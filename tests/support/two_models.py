"""The gateway's core over two models at once, all of it fakes: old and new, each with its index."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.candidate_embeds import CandidateEmbeds
from gateway.catalog import Catalog
from gateway.importing import Importer
from gateway.pictures import PictureWorkshop
from gateway.query_vectors import QueryVectors
from gateway.reference_pictures import PictureReader
from gateway.search import Search
from gateway.second_stage import SecondStage
from gateway.space import EmbeddingSpace
from gateway.spaces import Spaces
from retrieval.image_fetch import DisabledImageFetcher
from retrieval.image_store import FolderImageStore
from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from tests.support.core import FIELDS, VOCABULARY
from tests.support.fake_cache import MemoryEmbeddingCache, MemorySnapshotStore
from tests.support.fake_encoder import BUNDLE, FakeEncoder
from tests.support.fake_index import FakeIndex
from tests.support.fake_models import FakeModels, spaces_over
from tests.support.fake_reranker import FakeReranker

OLD, NEW = "0" * 12, "1" * 12


@dataclass
class TwoModels:
    """The old model is live, and has no second stage, while the new one has. Each fake is keyed by
    its model's short digest."""

    registry: FakeModels
    indexes: dict[str, FakeIndex]
    encoders: dict[str, FakeEncoder]
    spaces: Spaces
    by_model: dict[str, EmbeddingSpace]
    search: Search
    catalog: Catalog
    snapshots: MemorySnapshotStore
    images: FolderImageStore
    workshop: PictureWorkshop

    async def move(self, model: str) -> None:
        """Move the alias, and let this replica notice."""
        self.registry.live = model
        await self.spaces.refresh()


@contextmanager
def two_models(folder: Path) -> Iterator[TwoModels]:
    """A core that holds both; its catalog is empty."""
    indexes = {OLD: FakeIndex(FIELDS), NEW: FakeIndex(FIELDS)}
    encoders = {OLD: FakeEncoder(seed=1), NEW: FakeEncoder(seed=2)}
    tokenizer = Tokenizer(bert_tokenizer(VOCABULARY), max_tokens=BUNDLE.sizes.text_length)
    by_model = {}
    for model, index in indexes.items():
        bundle = BUNDLE.model_copy(update={"digest": model + "f" * 52})
        by_model[model] = EmbeddingSpace(
            bundle,
            tokenizer,
            encoders[model],
            index,
            index,
            index,
            reranker=FakeReranker() if model == NEW else None,
        )
    registry = FakeModels(OLD, **indexes)
    spaces = spaces_over(registry, *by_model.values())
    for model, index in indexes.items():
        # As the real adapter's: every write asks first.
        index.before_write = partial(spaces.allow_write, model)
    snapshots, fetcher, workshop = MemorySnapshotStore(), DisabledImageFetcher(), PictureWorkshop(2)
    with ThreadPoolExecutor(2) as threads:
        images = FolderImageStore(folder, threads, read_budget_s=10)
        cache, pictures = MemoryEmbeddingCache(), PictureReader(images, workshop)
        vectors = QueryVectors(cache, pictures, 5.0)
        second_stage = SecondStage(
            vectors,
            CandidateEmbeds(cache, pictures, 5.0, 4),
            budget_s=5.0,
            page_reserve_s=0.1,
        )
        importer = Importer(images, fetcher, workshop, FIELDS, 4)
        yield TwoModels(
            registry=registry,
            indexes=indexes,
            encoders=encoders,
            spaces=spaces,
            by_model=by_model,
            search=Search(
                spaces, vectors, second_stage, snapshots, fetcher, FIELDS, 100, lambda: False
            ),
            catalog=Catalog(spaces, importer, images, FIELDS),
            snapshots=snapshots,
            images=images,
            workshop=workshop,
        )
        workshop.close()
