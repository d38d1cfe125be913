"""An embedding space: everything that must belong to one model digest, held together."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from gateway.tuning import Tuned
from retrieval.bundle import Bundle
from retrieval.ports import AuditedIndex, CatalogIndex, Encoder, ProductIndex, Reranker
from retrieval.preprocess.text import Tokenizer

Watch = Callable[[], Coroutine[None, None, None]]
"""Runs for ever; cancelled to end."""


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """One bundle with its tokenizer, its three graphs and its collection.

    A request takes the live space once and stays in it, so two models never mix. ``tuned`` says
    how the collection is searched, ``watches`` keep that true while the space is held.
    """

    bundle: Bundle
    tokenizer: Tokenizer
    encoder: Encoder
    index: ProductIndex
    catalog_index: CatalogIndex
    audits: AuditedIndex
    tuned: Tuned = field(default_factory=Tuned)
    watches: tuple[Watch, ...] = ()
    reranker: Reranker | None = None

    @property
    def model(self) -> str:
        """The model's short digest, by which the index knows it."""
        return self.bundle.short_digest
