"""An embedding space: everything that must belong to one model digest, held together."""

from dataclasses import dataclass, field

from gateway.tuning import Tuned
from retrieval.bundle import Bundle
from retrieval.ports import CatalogIndex, Encoder, ProductIndex
from retrieval.preprocess.text import Tokenizer


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """One bundle with its tokenizer, its three graphs and its collection.

    A request takes the live space once and stays in it, so two models never mix. ``tuned`` says
    how the collection is searched.
    """

    bundle: Bundle
    tokenizer: Tokenizer
    encoder: Encoder
    index: ProductIndex
    catalog_index: CatalogIndex
    tuned: Tuned = field(default_factory=Tuned)
