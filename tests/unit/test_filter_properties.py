"""Filters of any shape: both edges read the same, and the core's rules hold or refuse them."""

import json
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway import grpc_codec, rest_codec
from gateway.edge_parts import MAX_FILTER_NESTING
from gateway.filter_rules import MAX_CONDITIONS, MAX_DEPTH, check_filter
from gateway.rest_parse import parse_json
from recompose.v1 import filter_pb2
from retrieval.domain import AllOf, AnyOf, FieldKind, Filter, Match, Not, Range
from retrieval.errors import InvalidArgument, Reason
from tests.support.drawn_filters import WORDS, as_json, as_message, filters

FIELDS = {"color": FieldKind.KEYWORD, "price": FieldKind.NUMBER, "hood": FieldKind.BOOL}
REASONS = {
    Reason.FILTER_INVALID,
    Reason.FILTER_TOO_DEEP,
    Reason.FILTER_TOO_LARGE,
    Reason.FILTER_FIELD_UNKNOWN,
    Reason.FILTER_VALUE_INVALID,
    Reason.FILTER_RANGE_INVALID,
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "field", "any_of", "min", "max", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=15,
)


def refusal(call: Callable[..., Any], *args: Any) -> InvalidArgument | None:
    """The error that the call ends with, if it does."""
    try:
        call(*args)
    except InvalidArgument as error:
        return error
    return None


def over_rest(written: object) -> Filter:
    return rest_codec.decode_filter(parse_json(json.dumps(written).encode()))


def over_grpc(message: filter_pb2.Filter) -> Filter:
    return grpc_codec.decode_filter(filter_pb2.Filter.FromString(message.SerializeToString()))


def depth(filter: Filter) -> int:
    match filter:
        case AllOf(parts) | AnyOf(parts):
            return 1 + max(map(depth, parts), default=0)
        case Not(part):
            return 1 + depth(part)
        case _:
            return 0


def levels(filter: Filter) -> int:
    """How many messages lie within each other."""
    match filter:
        case AllOf(parts) | AnyOf(parts):
            return 1 + max(map(levels, parts), default=0)
        case Not(part):
            return 1 + levels(part)
        case _:
            return 1


def conditions(filter: Filter) -> list[Match | Range]:
    match filter:
        case AllOf(parts) | AnyOf(parts):
            return [each for part in parts for each in conditions(part)]
        case Not(part):
            return conditions(part)
        case _:
            return [filter]


@settings(deadline=None)
@given(filters())
def test_both_edges_read_the_same_filter(filter: Filter) -> None:
    if levels(filter) > MAX_FILTER_NESTING:
        return
    # By repr, which tells 1.0 from True and 0.0 from -0.0, and says what the query is known by.
    assert repr(over_rest(as_json(filter))) == repr(filter)
    assert repr(over_grpc(as_message(filter))) == repr(filter)


@settings(deadline=None)
@given(
    filters(most=4), st.integers(1, 3 * MAX_FILTER_NESTING), st.sampled_from([Not, AllOf, AnyOf])
)
def test_both_edges_refuse_the_same_depth(filter: Filter, more: int, around: Any) -> None:
    for _ in range(more):
        filter = Not(filter) if around is Not else around((filter,))
    assume(levels(filter) <= 4 * MAX_FILTER_NESTING)  # much deeper, protobuf reads no message
    errors = [refusal(over_rest, as_json(filter)), refusal(over_grpc, as_message(filter))]
    reasons = {error and error.reason for error in errors}
    assert reasons == ({Reason.FILTER_TOO_DEEP} if levels(filter) > MAX_FILTER_NESTING else {None})


@settings(deadline=None)
@given(filters(), st.data())
def test_both_edges_tell_the_same_place_of_a_fault(filter: Filter, draw: st.DataObject) -> None:
    """A value that is none is put somewhere into the filter."""
    written, message = as_json(filter), as_message(filter)
    _break(written, message, draw)
    errors = [refusal(over_rest, written), refusal(over_grpc, message)]
    told = [(error.reason, error.field) for error in errors if error is not None]
    assert len(told) == 2
    assert told[0] == told[1]
    assert told[0][1].startswith("filter")


def _break(written: dict[str, Any], message: Any, draw: st.DataObject) -> None:
    """Go down to a leaf or an empty list, and put a fault there, in both forms alike."""
    while True:
        kind = message.WhichOneof("kind")
        if kind == "not":
            written, message = written["not"], getattr(message, "not")
        elif kind in {"all", "any"} and written[kind]:
            place = draw.draw(st.integers(0, len(written[kind]) - 1))
            written, message = written[kind][place], getattr(message, kind).filters[place]
        elif kind == "match":
            written["any_of"].append(None)
            message.match.any_of.add().null_value = 0
            return
        else:
            written.clear()
            message.ClearField(kind)
            return


@settings(deadline=None)
@given(JSON_VALUES)
def test_any_json_is_a_filter_or_refused(value: object) -> None:
    error = refusal(over_rest, value)
    assert error is None or (error.reason in REASONS and error.field.startswith("filter"))


@settings(deadline=None)
@given(st.binary(max_size=60) | filters().map(lambda one: as_message(one).SerializeToString()[1:]))
def test_any_message_is_a_filter_or_refused(data: bytes) -> None:
    try:
        message = filter_pb2.Filter.FromString(data)
    except DecodeError:
        return
    error = refusal(grpc_codec.decode_filter, message)
    assert error is None or error.reason in REASONS


@settings(deadline=None, max_examples=300)
@given(filters(st.sampled_from([*FIELDS, "unknown"]), most=60))
def test_a_filter_that_passes_keeps_every_rule(filter: Filter) -> None:
    error = refusal(check_filter, filter, FIELDS)
    found = conditions(filter)
    if error is not None:
        assert (error.reason in REASONS, error.field) == (True, "filter")
        return
    assert depth(filter) <= MAX_DEPTH
    assert 1 <= len(found) <= MAX_CONDITIONS
    for each in found:
        if isinstance(each, Range):
            bounds = [bound for bound in (each.min, each.max) if bound is not None]
            assert (each.field, bounds) == ("price", sorted(bounds))
            assert bounds
        else:
            kinds = {"color": str, "price": float, "hood": bool}
            assert {type(value) for value in each.any_of} == {kinds[each.field]}


PLAIN = st.sampled_from(
    [Match("color", ("red",)), Match("hood", (True,)), Range("price", 1.0), Match("price", (5.0,))]
)


@settings(deadline=None)
@given(st.lists(PLAIN, min_size=1, max_size=40), st.integers(0, 6), st.sampled_from([AllOf, AnyOf]))
def test_only_size_and_depth_refuse_good_conditions(
    parts: list[Filter], more: int, around: Any
) -> None:
    filter: Filter = around(tuple(parts))
    for _ in range(more):
        filter = Not(filter)
    error = refusal(check_filter, filter, FIELDS)
    if more + 1 > MAX_DEPTH:
        assert error is not None
        assert error.reason in {Reason.FILTER_TOO_DEEP, Reason.FILTER_TOO_LARGE}
    elif len(parts) > MAX_CONDITIONS:
        assert error is not None
        assert error.reason is Reason.FILTER_TOO_LARGE
    else:
        assert error is None
