"""What the index keeps and how it is asked: tokens, routes, audits, models."""

import uuid
from dataclasses import dataclass

from retrieval.domain.filters import Filter
from retrieval.domain.products import Product
from retrieval.domain.values import F32Array, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class ImageEmbeddings:
    """One batch of pictures, embedded.

    Attributes:
        embeds: [B, P, W] float32 or float16, frozen ViT tokens (after ``ln_vision``): what a
            composed query attends to.
        tokens: [B, K, D] float32, L2-normalised target tokens: what the index holds.
    """

    embeds: FloatArray
    tokens: F32Array


@dataclass(frozen=True, slots=True, eq=False)
class IndexedProduct:
    """A product with its target tokens, ready for the index: tokens [K, D] float32."""

    product: Product
    tokens: F32Array


@dataclass(frozen=True, slots=True, eq=False)
class IndexPage:
    """Some products of an index on the way through all of it.

    Attributes:
        products: with the tokens as the index keeps them, float16 in float32.
        following: where the next page begins; None at the end.
        unreadable: points of this page that are no product with its tokens.
    """

    products: tuple[IndexedProduct, ...]
    following: uuid.UUID | None
    unreadable: int


@dataclass(frozen=True, slots=True)
class Restoring:
    """A restore under way: of which backup, and how many of its parts are written."""

    backup: str
    parts: int


@dataclass(frozen=True, slots=True)
class Pooled:
    """Take ``depth`` candidates by pooled vector, rank them by all their tokens."""

    depth: int


@dataclass(frozen=True, slots=True)
class Scan:
    """Take candidates by the int8 form of every token, rank them by the tokens themselves."""


@dataclass(frozen=True, slots=True)
class Exact:
    """Rank every product by all its tokens: what the other routes are measured against."""


Route = Pooled | Scan | Exact
"""How the index finds what it ranks. Scores are those of all tokens on each of them."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The routes that a recall audit chose for a collection, and what the audit saw.

    Attributes:
        route: what searches with one vector take (composed, or words alone).
        recall: recall@50 of the routes over the sample, 0 to 1; the lower one of the two.
        products: that the collection held, all catalogs together.
        sample: questions that were asked.
        audited_at_s: when the audit began, in seconds since the epoch.
        image_only_route: what searches with K vectors take; None where that is ``route`` too.
    """

    route: Pooled | Scan
    recall: float
    products: int
    sample: int
    audited_at_s: float
    image_only_route: Pooled | Scan | None = None

    def route_of(self, vectors: F32Array) -> Pooled | Scan:
        """The route of a query, [D] or [K, D]."""
        return self.route if vectors.ndim == 1 else self.image_only_route or self.route


@dataclass(frozen=True, slots=True, eq=False)
class IndexQuery:
    """A question to the index.

    ``vectors`` is [D] (a composed or text query: the score is the maximum over a product's
    tokens of the dot product) or [K, D] (an image-only query: the mean over the K tokens of
    each one's best match). All rows are L2-normalised float32. Without a ``route`` the index
    takes the one that it was made with. The answer tells each product's values of the keyword
    field ``values_of``, where one is named.
    """

    catalog: str
    vectors: F32Array
    limit: int
    filter: Filter | None = None
    exclude: tuple[uuid.UUID, ...] = ()
    route: Route | None = None
    values_of: str | None = None


@dataclass(frozen=True, slots=True)
class HeldProduct:
    """A product as one model's collection holds it.

    ``copied``: a synchronisation brought it from another model's collection, and nobody has
    written it here since.
    """

    product: Product
    copied: bool


@dataclass(frozen=True, slots=True)
class IndexedModels:
    """The models that have a collection, by short digest, and the one that the alias names."""

    live: str | None
    all: frozenset[str]


@dataclass(frozen=True, slots=True)
class SwapRecord:
    """How far a swap to a collection's model has come; kept with the collection.

    Attributes:
        synchronised_from: short digest of the model whose products were last copied here; empty
            before the first complete synchronisation.
        synchronised_at_s: when that began, in seconds since the epoch.
        left_out: products that it could not copy, for want of a whole picture.
        previous: the model that was live before this one, to which a rollback goes; empty where
            there is none.
        unsettled: the model's predecessor may still hold writes that have to be brought over.
    """

    synchronised_from: str = ""
    synchronised_at_s: float = 0.0
    left_out: int = 0
    previous: str = ""
    unsettled: bool = False
