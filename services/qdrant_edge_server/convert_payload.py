"""Payloads: protobuf `Value` maps to the dictionaries of the engine, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from google.protobuf.message import Message

from qdrant_edge_server.errors import InvalidRequest
from qdrant_edge_server.stubs import wire

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

_I64_MAX = 2**63 - 1


def payload_from_wire(fields: Mapping[str, wire.Value]) -> dict[str, Json]:
    """The payload of a point.

    Raises:
        InvalidRequest: a number is NaN or infinite (JSON has neither).
    """
    return {key: _from_value(fields[key]) for key in fields}


def _from_value(value: wire.Value) -> Json:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "integer_value":
            return value.integer_value
        case "double_value":
            if not math.isfinite(value.double_value):
                raise InvalidRequest("Wrong input: a payload number is not finite.")
            return value.double_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_from_value(item) for item in value.list_value.values]
        case "struct_value":
            return payload_from_wire(value.struct_value.fields)
        case _:  # null_value, or nothing set, which Qdrant reads as null too
            return None


def payload_to_wire(payload: Mapping[str, Any], target: Message, field: str) -> None:
    """Write `payload` into the map field `field` (string to Value) of `target`."""
    values = getattr(target, field)
    for key, value in payload.items():
        _set_value(values[key], value)


def _set_value(target: wire.Value, value: Any) -> None:
    # bool before int: True is an int in Python.
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int) and -_I64_MAX - 1 <= value <= _I64_MAX:
        target.integer_value = value
    elif isinstance(value, (int, float)):
        target.double_value = float(value)
    elif value is None:
        target.null_value = wire.NULL_VALUE
    elif isinstance(value, list):
        target.list_value.SetInParent()
        for item in value:
            _set_value(target.list_value.values.add(), item)
    elif isinstance(value, dict):
        target.struct_value.SetInParent()
        for key, item in value.items():
            _set_value(target.struct_value.fields[key], item)
    else:
        raise TypeError(f"a payload cannot hold a {type(value).__name__}")
