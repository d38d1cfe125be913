"""The gateway's core over fakes at its ports: what the unit tests of the use cases stand on."""

import io
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from gateway.candidate_embeds import CandidateEmbeds, CandidateSource
from gateway.catalog import Catalog
from gateway.importing import Importer
from gateway.pictures import PictureWorkshop
from gateway.query_vectors import QueryVectors
from gateway.reference_pictures import PictureReader
from gateway.search import Search
from gateway.second_stage import SecondStage
from gateway.space import EmbeddingSpace
from gateway.tuning import Tuned
from retrieval.domain import (
    FieldKind,
    ProductWrite,
    RerankOutcome,
    Trace,
    UploadReference,
    ignore_trace,
)
from retrieval.image_fetch import DisabledImageFetcher
from retrieval.image_store import FolderImageStore
from retrieval.ports import EmbeddingCache, ImageFetcher, ImageStore, SnapshotStore
from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from tests.support.fake_cache import MemoryEmbeddingCache, MemorySnapshotStore
from tests.support.fake_encoder import BUNDLE, FakeEncoder
from tests.support.fake_index import FakeIndex
from tests.support.fake_models import one_space
from tests.support.fake_reranker import FakeReranker

FIELDS = {
    "color": FieldKind.KEYWORD,
    "price": FieldKind.NUMBER,
    "hood": FieldKind.BOOL,
    "style": FieldKind.KEYWORD,
}
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "in", "red", "blue", "coat", "with"]


@dataclass
class Core:
    """The use cases, and the fakes behind them to look into."""

    search: Search
    catalog: Catalog
    encoder: FakeEncoder
    index: FakeIndex
    snapshots: MemorySnapshotStore
    tuned: Tuned
    reranker: FakeReranker
    down: bool = False
    reranks: list[RerankOutcome] = field(default_factory=list)
    candidates: Counter[CandidateSource] = field(default_factory=Counter)


@contextmanager
def running_core(
    folder: Path,
    images: ImageStore | None = None,
    fetcher: ImageFetcher | None = None,
    *,
    cache: EmbeddingCache | None = None,
    kept: SnapshotStore | None = None,
    second_stage: bool = True,
    rerank_budget_s: float = 5.0,
    page_reserve_s: float = 0.1,
    candidate_bytes: int = 1 << 20,
    trace: Trace = ignore_trace,
) -> Iterator[Core]:
    """A fresh core with an empty catalog; pictures in ``images``, else in the folder, rankings in
    ``kept``, else in memory as embeddings are without a ``cache``."""
    encoder, index, snapshots = FakeEncoder(), FakeIndex(FIELDS), MemorySnapshotStore()
    tokenizer = Tokenizer(bert_tokenizer(VOCABULARY), max_tokens=BUNDLE.sizes.text_length)
    reranker = FakeReranker()
    space = EmbeddingSpace(
        BUNDLE,
        tokenizer,
        encoder,
        index,
        index,
        index,
        reranker=reranker if second_stage else None,
    )
    spaces = one_space(space, index)
    workshop, fetcher = PictureWorkshop(2), fetcher or DisabledImageFetcher()
    with ThreadPoolExecutor(2) as threads:
        images = images or FolderImageStore(folder, threads, read_budget_s=10)
        cache = cache or MemoryEmbeddingCache()
        pictures = PictureReader(images, workshop, trace)
        vectors = QueryVectors(cache, pictures, 1.0, trace)
        core = Core(
            search=Search(
                spaces,
                vectors,
                SecondStage(
                    vectors,
                    CandidateEmbeds(
                        cache,
                        pictures,
                        1.0,
                        4,
                        count=lambda source: core.candidates.update([source]),
                        trace=trace,
                    ),
                    budget_s=rerank_budget_s,
                    page_reserve_s=page_reserve_s,
                    limit_bytes=candidate_bytes,
                    observe=lambda outcome, _: core.reranks.append(outcome),
                    trace=trace,
                ),
                kept or snapshots,
                fetcher,
                FIELDS,
                100,
                lambda: core.down,
            ),
            catalog=Catalog(spaces, Importer(images, fetcher, workshop, FIELDS, 4), images, FIELDS),
            encoder=encoder,
            index=index,
            snapshots=snapshots,
            tuned=space.tuned,
            reranker=reranker,
        )
        yield core
        workshop.close()


def picture(seed: int) -> bytes:
    """A small PNG, another one for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, size=(24, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write(number: int, **attributes: str | float | bool) -> ProductWrite:
    """A valid product with a picture of its own."""
    return ProductWrite(
        f"p{number}", f"Product {number}", attributes, UploadReference(picture(number))
    )
