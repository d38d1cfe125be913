"""Filters: protobuf to the engine's conditions, any depth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

import numpy as np
import qdrant_edge as edge

from qdrant_edge_server.errors import InvalidRequest, NotOffered
from qdrant_edge_server.guards import point_id
from qdrant_edge_server.offered import only, set_fields
from qdrant_edge_server.stubs import wire

_MOST_CHOICES = 10_000

EngineCondition: TypeAlias = Any  # the engine's stubs name this union without exporting it


def filter_from_wire(message: wire.Filter) -> edge.Filter:
    """The engine's form of a filter; an empty one matches every point.

    Raises:
        InvalidRequest: an empty condition, a bad path or id, NaN in a range, a min_count of 0.
        NotOffered: a geo, text, date or other condition this server does not know.
    """
    only(message, "must", "should", "must_not", "min_should")
    return edge.Filter(
        must=_conditions(message.must),
        should=_conditions(message.should),
        must_not=_conditions(message.must_not),
        min_should=_min_should(message.min_should) if message.HasField("min_should") else None,
    )


def optional_filter(message: Any, field: str = "filter") -> edge.Filter | None:
    """The filter in `field` of a request, or None where it is not set."""
    return filter_from_wire(getattr(message, field)) if message.HasField(field) else None


def _conditions(messages: Iterable[wire.Condition]) -> list[EngineCondition] | None:
    return [_condition(message) for message in messages] or None


def _min_should(message: wire.MinShould) -> edge.MinShould:
    """The engine lists every choice of `min_count` conditions, and ends the process when that
    needs more memory than there is (Qdrant issue 7974)."""
    count, needed = len(message.conditions), message.min_count
    if needed < 1:
        raise InvalidRequest("Wrong input: min_count: value 0 invalid, must be 1 or larger")
    if math.comb(count, needed if needed <= count else 0) > _MOST_CHOICES:
        raise NotOffered("MinShould with so many choices of conditions is not offered.")
    # More than all of them is met by no point, whatever the number.
    return edge.MinShould(_conditions(message.conditions) or [], min(needed, count + 1))


def _condition(message: wire.Condition) -> EngineCondition:
    match message.WhichOneof("condition_one_of"):
        case "field":
            return _field(message.field)
        case "filter":
            return filter_from_wire(message.filter)
        case "has_id":
            return edge.HasIdCondition({point_id(item) for item in message.has_id.has_id})
        case "is_empty":
            return edge.IsEmptyCondition(check_path(message.is_empty.key))
        case "is_null":
            return edge.IsNullCondition(check_path(message.is_null.key))
        case "has_vector":
            return edge.HasVectorCondition(message.has_vector.has_vector)
        case "nested":
            nested = message.nested
            return edge.NestedCondition(check_path(nested.key), filter_from_wire(nested.filter))
        case None:
            raise InvalidRequest("Wrong input: a filter condition is empty.")
        case kind:
            raise NotOffered(f"Condition.{kind} is not offered by this server.")


def _field(message: wire.FieldCondition) -> edge.FieldCondition:
    only(message, "key", "match", "range", "values_count", "is_empty", "is_null")
    key = check_path(message.key)
    chosen: dict[str, Any] = {}
    if message.HasField("match"):
        chosen["match"] = _match(message.match)
    if message.HasField("range"):
        chosen["range"] = _range(message.range)
    if message.HasField("values_count"):
        chosen["values_count"] = _values_count(message.values_count)
    for name in ("is_empty", "is_null"):
        if message.HasField(name):
            chosen[name] = getattr(message, name)
    if not chosen:
        raise InvalidRequest("Wrong input: a field condition asks for nothing.")
    return edge.FieldCondition(key, **chosen)


# The binding tries integers first and takes Python's True for 1, which matches no boolean;
# numpy's is no integer to it.
_MATCHES: Mapping[str, Callable[[wire.Match], Any]] = {
    "keyword": lambda match: edge.MatchValue(match.keyword),
    "integer": lambda match: edge.MatchValue(match.integer),
    "boolean": lambda match: edge.MatchValue(cast(bool, np.bool_(match.boolean))),
    "keywords": lambda match: edge.MatchAny(list(match.keywords.strings)),
    "integers": lambda match: edge.MatchAny(list(match.integers.integers)),
    "except_keywords": lambda match: edge.MatchExcept(list(match.except_keywords.strings)),
    "except_integers": lambda match: edge.MatchExcept(list(match.except_integers.integers)),
}


def _match(message: wire.Match) -> Any:
    kind = message.WhichOneof("match_value")
    if kind is None:
        raise InvalidRequest("Wrong input: a match asks for nothing.")
    if kind not in _MATCHES:
        raise NotOffered(f"Match.{kind} is not offered by this server.")
    return _MATCHES[kind](message)


def _range(message: wire.Range) -> edge.RangeFloat:
    bounds = set_fields(message, _BOUNDS)
    if any(math.isnan(bound) for bound in bounds.values()):
        raise InvalidRequest("Wrong input: a range bound is not a number.")
    return edge.RangeFloat(**bounds)


def _values_count(message: wire.ValuesCount) -> edge.ValuesCount:
    return edge.ValuesCount(**set_fields(message, _BOUNDS))


_BOUNDS = ("lt", "gt", "lte", "gte")


def check_path(path: str) -> str:
    """Return `path` if the engine can read it as a payload path.

    Raises:
        InvalidRequest: it cannot.
    """
    try:
        edge.IsEmptyCondition(path)
    except ValueError:
        raise InvalidRequest("Wrong input: invalid JSON path.") from None
    return path
