"""What a filter may be: known fields, right types, not too deep, not too many conditions."""

import math
from typing import Final

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
from retrieval.errors import InvalidArgument, InvalidText, Reason
from retrieval.preprocess.text_check import check_text

MAX_DEPTH: Final = 4
MAX_CONDITIONS: Final = 32
MAX_VALUES: Final = 100


def check_filter(filter: Filter, fields: FilterableFields) -> None:
    """Raise InvalidArgument unless the filter keeps the rules.

    Depth counts `all`, `any` and `not` around a condition (at most 4); conditions are the
    matches and ranges (at most 32).
    """
    conditions = _check(filter, fields, 0)
    if conditions > MAX_CONDITIONS:
        raise InvalidArgument(Reason.FILTER_TOO_LARGE, field="filter")


def _check(filter: Filter, fields: FilterableFields, depth: int) -> int:
    """Check one node and return how many conditions it holds."""
    if depth > MAX_DEPTH:
        raise InvalidArgument(Reason.FILTER_TOO_DEEP, field="filter")
    match filter:
        case AllOf(filters) | AnyOf(filters):
            if not filters:
                raise InvalidArgument(Reason.FILTER_INVALID, field="filter")
            if len(filters) > MAX_CONDITIONS:
                raise InvalidArgument(Reason.FILTER_TOO_LARGE, field="filter")
            return sum(_check(part, fields, depth + 1) for part in filters)
        case Not(part):
            return _check(part, fields, depth + 1)
        case Match():
            _check_match(filter, _kind(filter.field, fields))
            return 1
        case Range():
            _check_range(filter, _kind(filter.field, fields))
            return 1


def _kind(name: str, fields: FilterableFields) -> FieldKind:
    try:
        return fields[name]
    except KeyError:
        raise InvalidArgument(Reason.FILTER_FIELD_UNKNOWN, field="filter") from None


def _check_match(match: Match, kind: FieldKind) -> None:
    if not 1 <= len(match.any_of) <= MAX_VALUES:
        raise InvalidArgument(Reason.FILTER_INVALID, field="filter")
    if not all(_has_kind(value, kind) for value in match.any_of):
        raise InvalidArgument(Reason.FILTER_VALUE_INVALID, field="filter")


def _has_kind(value: Scalar, kind: FieldKind) -> bool:
    if kind is FieldKind.BOOL:
        return isinstance(value, bool)
    if kind is FieldKind.NUMBER:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        )
    if not isinstance(value, str):
        return False
    try:
        check_text(value)
    except InvalidText:
        return False
    return True


def _check_range(bounds: Range, kind: FieldKind) -> None:
    if kind is not FieldKind.NUMBER:
        raise InvalidArgument(Reason.FILTER_VALUE_INVALID, field="filter")
    given = [bound for bound in (bounds.min, bounds.max) if bound is not None]
    if not given or not all(math.isfinite(bound) for bound in given):
        raise InvalidArgument(Reason.FILTER_RANGE_INVALID, field="filter")
    if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        raise InvalidArgument(Reason.FILTER_RANGE_INVALID, field="filter")
