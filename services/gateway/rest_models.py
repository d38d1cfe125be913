"""The JSON of the REST edge, for the OpenAPI document and its readers.

These models document; `rest_codec` reads. Tests hold the two together.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from retrieval.domain import DEFAULT_CATALOG

Scalar = str | float | bool
CatalogName = Annotated[
    str,
    Field(
        default=DEFAULT_CATALOG,
        pattern="^[a-z0-9][a-z0-9_-]{0,63}$",
        description="The catalog; a shop may hold several.",
    ),
]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


# --- what is sent ---------------------------------------------------------------------------


class Image(_Closed):
    """A picture: one of its bytes and its address."""

    content: str | None = Field(
        None,
        description="An encoded JPEG, PNG or WebP of at most 10 MiB and 25 megapixels, in base64.",
        json_schema_extra={"format": "byte"},
    )
    uri: str | None = Field(
        None, description="Its address; refused unless the service is set to fetch."
    )


class Reference(_Closed):
    """Where a search starts from: one of a product of the catalog and a picture."""

    product_id: str | None = Field(None, examples=["p-0042"])
    image: Image | None = None


class AllFilter(_Closed):
    """Every one holds."""

    all: list["Filter"] = Field(min_length=1)


class AnyFilter(_Closed):
    """At least one holds."""

    any: list["Filter"] = Field(min_length=1)


class NotFilter(_Closed):
    """It does not hold."""

    not_: "Filter" = Field(alias="not")


class MatchFilter(_Closed):
    """The attribute has one of the values."""

    field: str = Field(description="A filterable attribute.", examples=["color"])
    any_of: list[Scalar] = Field(min_length=1, max_length=100, examples=[["red", "orange"]])


class RangeFilter(_Closed):
    """The attribute is a number within bounds; one end may be open."""

    # The field, and at least one of its bounds.
    model_config = ConfigDict(json_schema_extra={"minProperties": 2})

    field: str = Field(description="A filterable attribute that is a number.", examples=["price"])
    min: float | None = Field(None, description="Lower bound, inclusive.")
    max: float | None = Field(None, description="Upper bound, inclusive.")


class Filter(RootModel[AllFilter | AnyFilter | NotFilter | MatchFilter | RangeFilter]):
    """A condition on attributes: nested at most 4 deep, at most 32 conditions in all."""


class Rerank(_Closed):
    """Asks for the second stage, which looks at the reference, the words and one candidate at a
    time, and says how probable it is that the candidate is what was asked for."""

    depth: int = Field(
        25,
        ge=0,
        le=100,
        description="How many of the first hits are judged, 1 to 100; 0 means 25.",
    )


class SearchQuery(_Closed):
    """A picture, words that say what should be different, or both."""

    catalog: CatalogName
    reference: Reference | None = None
    modification: str = Field(
        "",
        max_length=1000,
        description="What should be different, or with no reference, what is looked for.",
    )
    filter: Filter | None = None
    page_size: int = Field(20, ge=1, le=100)
    page_token: str = Field(
        "", description="`next_page_token` of the page before; the rest must be the same."
    )
    include_reference: bool = Field(
        False, description="Let a reference product be a hit of its own search."
    )
    view: Literal["basic", "full"] = Field(
        "full", description="How much of each product to answer with; `basic` has no attributes."
    )
    group_by: str = Field(
        "",
        description="A filterable attribute that is words, such as a style id: of the products "
        "that share a value of it, only the best is a hit. A product without the attribute is a "
        "group of its own, one with several values stands for all their groups. The service ranks "
        "deeper than for a plain search, so that groups do not make pages shorter; ranking takes "
        "about 2.3 times as long where three products share a value.",
        examples=["style"],
    )
    diversity: float = Field(
        0,
        ge=0,
        le=1,
        description="Reorders the first 100 hits so that they are less alike: 0 by relevance "
        "alone, 1 by unlikeness to the hits before alone (maximal marginal relevance). The best "
        "hit stays first, and scores then no longer descend. Ranking takes about "
        "2.3 times as long.",
    )
    rerank: Rerank | None = Field(
        None,
        description="Reorders the first hits by the probability that a second stage finds; those "
        "behind them stay. It needs both a reference and a modification, a model that has a second "
        "stage (else 422, `RERANK_NOT_SERVED`), and no `diversity`.",
    )


class ProductWrite(_Closed):
    """A whole product; what it leaves out is removed, except the picture.

    `id`, where it is sent, is that of the path. Output-only fields of an answer may be sent back
    and are ignored.
    """

    catalog: CatalogName
    id: str | None = None
    title: str = Field("", max_length=500)
    attributes: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict, description="At most 64 named values, 16 KiB in all."
    )
    image: Image | None = Field(
        None, description="Needed for a new product; without it the stored picture stays."
    )
    image_uri: Any = Field(None, description="Ignored.")
    image_width: Any = Field(None, description="Ignored.")
    image_height: Any = Field(None, description="Ignored.")
    update_time: Any = Field(None, description="Ignored.")


# --- what comes back ------------------------------------------------------------------------


class Product(_Closed):
    """A product of a catalog. The `basic` view leaves out attributes and update_time."""

    id: str
    title: str
    catalog: str
    image_uri: str = Field(description="Path of its picture on this service; may be empty.")
    image_width: int
    image_height: int
    attributes: dict[str, Scalar | list[Scalar]] | None = None
    update_time: datetime | None = None


class Hit(_Closed):
    product: Product
    score: float = Field(
        description="Similarity, -1 to 1: the best dot product between the query and the "
        "product's tokens (MaxSim). It is the first stage's also after a second one."
    )
    match_probability: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How probable the second stage holds it that this is what was asked for; of "
        "hits that it judged.",
    )


class SearchAnswer(_Closed):
    """A page of hits, best first (with `diversity` or `rerank`, in its order)."""

    hits: list[Hit]
    next_page_token: str = Field(description="Token of the next page; empty on the last one.")
    degraded: bool = Field(
        description="A part of the service was missing: the answer may be poorer or older."
    )
    repeated: bool = Field(
        description="The ranking behind the page token had expired and the search was made "
        "again: this page may repeat or miss a product."
    )
    rerank: Literal["DONE", "OUT_OF_TIME", "UNAVAILABLE"] | None = Field(
        None,
        description="What became of a second stage that was asked for, the same on all pages of a "
        "ranking. `DONE`: the first hits are in its order. `OUT_OF_TIME`: its time ended, and the "
        "hits are in the first stage's order; the same search may succeed soon. `UNAVAILABLE`: a "
        "part of the service that it needs failed, and `degraded` is true.",
    )


class ProductPage(_Closed):
    products: list[Product]
    next_page_token: str = Field(description="Token of the next page; empty on the last one.")


class FacetValue(_Closed):
    value: Scalar
    count: int


class NumberRange(_Closed):
    """The least and the greatest number."""

    min: float
    max: float


class Facet(_Closed):
    field: str
    values: list[FacetValue] = Field(
        description="Of words and booleans, most frequent first, at most 100."
    )
    range: NumberRange | None = Field(
        None, description="Of numbers; left out where no product has one."
    )


class Facets(_Closed):
    facets: list[Facet]


class ErrorInfo(_Closed):
    """`google.rpc.ErrorInfo`."""

    type: str = Field(alias="@type")
    reason: str = Field(description="UPPER_SNAKE cause, for programs.")
    domain: str
    metadata: dict[str, str] = Field(description="`field`: path of the offending field.")


class ErrorBody(_Closed):
    code: int = Field(description="The HTTP status.")
    status: str = Field(description="The gRPC status of the same failure.")
    message: str = Field(description="One sentence for a person; never what was sent.")
    details: list[ErrorInfo]
    request_id: str


class Error(_Closed):
    """Every failure, by AIP-193."""

    error: ErrorBody


class Health(_Closed):
    status: Literal["ok"]


class Ready(_Closed):
    status: Literal["ready", "not ready"]
    reason: str = Field(description="Why not; empty when ready.")


DOCUMENTED: tuple[type[BaseModel], ...] = (
    SearchQuery,
    ProductWrite,
    SearchAnswer,
    ProductPage,
    Facets,
    Error,
    Health,
    Ready,
)
"""Models that the document refers to; the rest follow from them."""
