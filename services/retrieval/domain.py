"""Domain types: what a search, a product and an embedding are, apart from any wire or store."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

F32Array = NDArray[np.float32]
FloatArray = NDArray[np.float32] | NDArray[np.float16]
I64Array = NDArray[np.int64]

Scalar = str | float | bool
"""A value of an attribute or of a filter; whole numbers are floats that have no fraction."""
AttributeValue = Scalar | Sequence[Scalar]

DEFAULT_CATALOG: Final = "default"
_POINT_NAMESPACE: Final = uuid.UUID("6f0d3a52-3b1c-5e0a-9f0c-6e1f5d1f7a11")

Observe = Callable[[str, str, float], None]
"""Called once for each outbound call: dependency, outcome (``ok``, ``timeout``...), seconds."""


def ignore_observation(dependency: str, outcome: str, seconds: float) -> None:
    """The observer of callers that keep no metrics."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock after which an answer is of no use."""

    at_s: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The deadline that lies ``seconds`` ahead."""
        return cls(time.monotonic() + seconds)

    def remaining_s(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at_s - time.monotonic())

    def capped(self, budget_s: float) -> "Deadline":
        """The earlier of this deadline and ``budget_s`` from now."""
        return Deadline(min(self.at_s, time.monotonic() + budget_s))


# --- references -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProductReference:
    """A product of the catalog is the reference image."""

    product_id: str


@dataclass(frozen=True, slots=True)
class UploadReference:
    """The picture itself: an encoded JPEG, PNG or WebP."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UriReference:
    """The address of a picture, for the guarded fetch."""

    uri: str = field(repr=False)


Reference = ProductReference | UploadReference | UriReference
ImageSource = UploadReference | UriReference


# --- filters --------------------------------------------------------------------------------


class FieldKind(StrEnum):
    """The type of a filterable field; decides its payload index."""

    KEYWORD = "keyword"
    NUMBER = "number"
    BOOL = "bool"


FilterableFields = Mapping[str, FieldKind]


@dataclass(frozen=True, slots=True)
class AllOf:
    filters: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    filters: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    filter: "Filter"


@dataclass(frozen=True, slots=True)
class Match:
    """The attribute equals one of the values (or, being a list, holds one of them)."""

    field: str
    any_of: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """min <= attribute <= max; either end may be open."""

    field: str
    min: float | None = None
    max: float | None = None


Filter = AllOf | AnyOf | Not | Match | Range


# --- search ---------------------------------------------------------------------------------


class View(StrEnum):
    """How much of a product an answer carries (AIP-157)."""

    BASIC = "basic"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What a shopper asks; texts and pictures stay out of its repr, so out of logs."""

    catalog: str = DEFAULT_CATALOG
    reference: Reference | None = field(default=None, repr=False)
    modification: str = field(default="", repr=False)
    filter: Filter | None = field(default=None, repr=False)
    page_size: int = 20
    page_token: str = field(default="", repr=False)
    include_reference: bool = False
    view: View = View.FULL
    group_by: str = field(default="", repr=False)
    """A filterable keyword of which no two hits share a value; empty for no groups."""
    diversity: float = 0.0
    """0 to 1: how much unlikeness to the hits before counts, against relevance."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One place in a ranking; ``values`` are those of the query's ``values_of``."""

    point_id: uuid.UUID
    score: float
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    product: "Product"
    score: float


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """A page of hits, best first.

    ``degraded`` says that a part of the service was missing and the answer may be poorer or
    older; ``repeated`` that the page's snapshot was gone and the search was made again.
    """

    hits: tuple[Hit, ...]
    next_page_token: str = ""
    degraded: bool = False
    repeated: bool = False


# --- products -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the index holds it."""

    id: str
    title: str
    attributes: Mapping[str, AttributeValue]
    catalog: str = DEFAULT_CATALOG
    image_sha256: str = ""
    image_width: int = 0
    image_height: int = 0
    updated_at_s: float = 0.0
    source_sha256: str = ""
    """sha256 of the picture's bytes as they came, so that an equal import costs no decoding."""

    @property
    def point_id(self) -> uuid.UUID:
        return point_id(self.catalog, self.id)


@dataclass(frozen=True, slots=True)
class ProductWrite:
    """A product to import or replace; without an image the stored picture stays."""

    id: str
    title: str
    attributes: Mapping[str, AttributeValue]
    image: ImageSource | None = field(default=None, repr=False)


class ImportOutcome(StrEnum):
    IMPORTED = "imported"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of one product of an import; ``reason`` and ``message`` only where it failed."""

    product_id: str
    outcome: ImportOutcome
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ProductPage:
    products: tuple[Product, ...]
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class FacetValue:
    value: Scalar
    count: int


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The least and the greatest of some numbers."""

    min: float
    max: float


@dataclass(frozen=True, slots=True)
class Facet:
    """What products have in one field: counted values of words and booleans, the range of
    numbers. A field that none of them has gives neither."""

    field: str
    values: tuple[FacetValue, ...] = ()
    range: NumberRange | None = None


@dataclass(frozen=True, slots=True)
class FacetsRequest:
    """Which fields to tell of (all where none is named), and over which products.

    With ``multi_select`` a field is counted over the products that the other fields' conditions
    let through, so that a second value of it can be offered.
    """

    catalog: str = DEFAULT_CATALOG
    fields: tuple[str, ...] = ()
    filter: Filter | None = field(default=None, repr=False)
    multi_select: bool = False


def point_id(catalog: str, product_id: str) -> uuid.UUID:
    """UUIDv5 of catalog and product id: the product's id in the index (RFC 9562, 5.5)."""
    return uuid.uuid5(_POINT_NAMESPACE, f"{catalog}/{product_id}")


# --- pictures -------------------------------------------------------------------------------


class PictureShelf(StrEnum):
    """Where in the image store a picture lies."""

    KEPT = "kept"
    TRASH = "trash"


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture of the image store, without its bytes.

    ``changed_at_s``: seconds since 1970, by the store's clock, when it came to its shelf.
    """

    sha256: str
    changed_at_s: float


@dataclass(frozen=True, slots=True)
class ReferencedPictures:
    """What the index refers to: the sha256 (32 bytes) of each picture, and how many products."""

    sha256s: frozenset[bytes] = field(repr=False)
    products: int


# --- embeddings -----------------------------------------------------------------------------


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


# --- copying an index -----------------------------------------------------------------------


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


# --- the index ------------------------------------------------------------------------------


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
    """The route that a recall audit chose for a collection, and what the audit saw.

    Attributes:
        route: what searches of the collection take.
        recall: recall@50 of that route over the sample, 0 to 1.
        products: that the collection held, all catalogs together.
        sample: questions that were asked.
        audited_at_s: when the audit began, in seconds since the epoch.
    """

    route: Pooled | Scan
    recall: float
    products: int
    sample: int
    audited_at_s: float


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


# --- models side by side --------------------------------------------------------------------


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


CacheKind = Literal["image_embeds", "image_tokens", "query_embedding"]
