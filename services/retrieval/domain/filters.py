"""Filters over attributes, and facets that are counted under them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from retrieval.domain.values import DEFAULT_CATALOG, Scalar


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
