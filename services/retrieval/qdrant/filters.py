"""A filter of the domain as a filter of Qdrant. A value inside it is only ever a value."""

import uuid
from collections.abc import Sequence
from typing import TypeAlias

from qdrant_client import models

from retrieval.domain import (
    AllOf,
    AnyOf,
    FieldKind,
    Filter,
    FilterableFields,
    Match,
    Not,
    Range,
    Scalar,
)
from retrieval.errors import InvalidArgument, Reason
from retrieval.qdrant.payload import CATALOG, UPDATED_AT, attribute_path

Condition: TypeAlias = models.FieldCondition | models.HasIdCondition | models.Filter


def candidates(
    catalog: str,
    filter: Filter | None,
    fields: FilterableFields,
    exclude: Sequence[uuid.UUID] = (),
) -> models.Filter:
    """The points of a catalog that pass a filter and are not excluded.

    Raises:
        InvalidArgument: the filter names a field that has no index (FILTER_FIELD_UNKNOWN), or a
            value that its field cannot have (FILTER_VALUE_INVALID).
    """
    must: list[models.Condition] = [
        models.FieldCondition(key=CATALOG, match=models.MatchValue(value=catalog))
    ]
    if filter is not None:
        must.append(to_condition(filter, fields))
    excluded: list[models.Condition] = [models.HasIdCondition(has_id=[*map(str, exclude)])]
    return models.Filter(must=must, must_not=excluded if exclude else None)


def updated_after(time_s: float) -> models.Filter:
    """The points of all catalogs that were written after a time since the epoch."""
    lately = models.FieldCondition(key=UPDATED_AT, range=models.Range(gt=time_s))
    return models.Filter(must=[lately])


def to_condition(filter: Filter, fields: FilterableFields) -> Condition:
    """One condition for one filter, nested as it is. Raises `InvalidArgument`."""
    match filter:
        case AllOf(filters):
            return models.Filter(must=[to_condition(inner, fields) for inner in filters])
        case AnyOf(filters):
            return _any_of([to_condition(inner, fields) for inner in filters])
        case Not(inner):
            return models.Filter(must_not=[to_condition(inner, fields)])
        case Match(field, values):
            return _match(field, _kind(field, fields), values)
        case Range(field, low, high):
            if _kind(field, fields) is not FieldKind.NUMBER:
                raise InvalidArgument(Reason.FILTER_VALUE_INVALID)
            return _range(field, low, high)


def _match(field: str, kind: FieldKind, values: Sequence[Scalar]) -> Condition:
    key = attribute_path(field)
    if kind is FieldKind.KEYWORD:
        words = [value for value in values if isinstance(value, str)]
        _check_all_kept(words, values)
        if not words:
            return _any_of([])
        return models.FieldCondition(key=key, match=models.MatchAny(any=words))
    if kind is FieldKind.BOOL:
        flags = [value for value in values if isinstance(value, bool)]
        _check_all_kept(flags, values)
        return _any_of(
            [models.FieldCondition(key=key, match=models.MatchValue(value=f)) for f in flags]
        )
    numbers = [
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    _check_all_kept(numbers, values)
    # Qdrant matches text, whole numbers and booleans; a float is equal where a range closes on it.
    return _any_of([_range(field, number, number) for number in numbers])


def _range(field: str, low: float | None, high: float | None) -> Condition:
    return models.FieldCondition(key=attribute_path(field), range=models.Range(gte=low, lte=high))


def _any_of(conditions: Sequence[Condition]) -> Condition:
    if not conditions:
        # An empty `should` lets everything pass, and one of no conditions never holds.
        return models.HasIdCondition(has_id=[])
    return conditions[0] if len(conditions) == 1 else models.Filter(should=[*conditions])


def _kind(field: str, fields: FilterableFields) -> FieldKind:
    try:
        return fields[field]
    except KeyError:
        raise InvalidArgument(Reason.FILTER_FIELD_UNKNOWN) from None


def _check_all_kept(kept: Sequence[Scalar], values: Sequence[Scalar]) -> None:
    if len(kept) != len(values):
        raise InvalidArgument(Reason.FILTER_VALUE_INVALID)
