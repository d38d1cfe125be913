"""Hypothesis strategies of filters, and how each edge's callers write one."""

from typing import Any

from hypothesis import strategies as st

from recompose.v1 import filter_pb2
from retrieval.domain import AllOf, AnyOf, Filter, Match, Not, Range, Scalar

NUMBERS = st.floats(allow_nan=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS: st.SearchStrategy[Scalar] = WORDS | NUMBERS | st.booleans()


def filters(
    names: st.SearchStrategy[str] = WORDS,
    scalars: st.SearchStrategy[Scalar] = SCALARS,
    most: int = 12,
) -> st.SearchStrategy[Filter]:
    """Filter trees of about ``most`` conditions at the most, good and bad by the core's rules."""
    bounds = st.none() | NUMBERS
    matches = st.builds(Match, names, st.lists(scalars, max_size=4).map(tuple))
    leaves: st.SearchStrategy[Filter] = matches | st.builds(Range, names, bounds, bounds)

    def grow(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        several = st.lists(inner, max_size=4).map(tuple)
        return several.map(AllOf) | several.map(AnyOf) | inner.map(Not)

    return st.recursive(leaves, grow, max_leaves=most)


def as_json(filter: Filter) -> dict[str, Any]:
    """The filter as a caller of REST writes it; a bound left out is a null."""
    match filter:
        case AllOf(parts):
            return {"all": [as_json(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [as_json(part) for part in parts]}
        case Not(part):
            return {"not": as_json(part)}
        case Match(field, values):
            return {"field": field, "any_of": list(values)}
        case Range(field, low, high):
            return {"field": field, "min": low, "max": high}


def as_message(filter: Filter) -> filter_pb2.Filter:
    """The filter as a caller of gRPC sends it."""
    message = filter_pb2.Filter()
    match filter:
        case AllOf(parts):
            message.all.SetInParent()
            message.all.filters.extend(as_message(part) for part in parts)
        case AnyOf(parts):
            message.any.SetInParent()
            message.any.filters.extend(as_message(part) for part in parts)
        case Not(part):
            getattr(message, "not").CopyFrom(as_message(part))
        case Match(field, values):
            message.match.field = field
            for value in values:
                _set_value(message.match.any_of.add(), value)
        case Range(field, low, high):
            message.range.field = field
            if low is not None:
                message.range.min = low
            if high is not None:
                message.range.max = high
    return message


def _set_value(message: Any, value: Scalar) -> None:
    if isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        message.string_value = value
    else:
        message.number_value = value
