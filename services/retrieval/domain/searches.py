"""What may be asked of a search, and what it answers."""

import uuid
from dataclasses import dataclass, field
from enum import StrEnum

from retrieval.domain.filters import Filter
from retrieval.domain.products import Product, UploadReference, UriReference, View, point_id
from retrieval.domain.values import DEFAULT_CATALOG


@dataclass(frozen=True, slots=True)
class ProductReference:
    """A product of the catalog is the reference image."""

    product_id: str


Reference = ProductReference | UploadReference | UriReference


@dataclass(frozen=True, slots=True)
class Rerank:
    """Asks for the second stage, which reorders the first ``depth`` of a ranking."""

    depth: int


class RerankOutcome(StrEnum):
    """What became of a second stage; unless it was done, the first one's order stayed whole."""

    DONE = "DONE"
    OUT_OF_TIME = "OUT_OF_TIME"
    UNAVAILABLE = "UNAVAILABLE"


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
    rerank: Rerank | None = None

    @property
    def reference_point(self) -> uuid.UUID | None:
        """Id in the index of the product that is the reference; None where none is."""
        if isinstance(self.reference, ProductReference):
            return point_id(self.catalog, self.reference.product_id)
        return None


@dataclass(frozen=True, slots=True)
class Ranked:
    """One place in a ranking; ``values`` are those of the query's ``values_of``."""

    point_id: uuid.UUID
    score: float
    values: tuple[str, ...] = ()
    match_probability: float | None = None
    """A float32, of a place that a second stage judged."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """A query's best products in the order of its pages, and what became of a second stage.

    After one that was done, the places that it judged come first.
    """

    places: tuple[Ranked, ...]
    rerank: RerankOutcome | None = None
    """None where no second stage was asked for."""
    second_stage_s: float = field(default=0.0, compare=False)
    """Seconds that it took just now; not kept with the ranking."""


@dataclass(frozen=True, slots=True)
class Hit:
    """``score`` is the first stage's similarity."""

    product: "Product"
    score: float
    match_probability: float | None = None


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """A page of hits, best first.

    ``degraded`` says that a part of the service was missing and the answer may be poorer or
    older; ``repeated`` that the page's snapshot was gone and the search was made again. ``rerank``
    is the ranking's, the same on all its pages.
    """

    hits: tuple[Hit, ...]
    next_page_token: str = ""
    degraded: bool = False
    repeated: bool = False
    rerank: RerankOutcome | None = None
    second_stage_s: float = field(default=0.0, compare=False)
    """Seconds of the answer's time that a second stage took."""
