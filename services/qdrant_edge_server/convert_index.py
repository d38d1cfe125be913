"""Payload indexes: what a request asks for, to the engine's parameters, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import qdrant_edge as edge
from google.protobuf.message import Message

from qdrant_edge_server.convert_config import MEMORY
from qdrant_edge_server.errors import InvalidRequest, NotOffered
from qdrant_edge_server.offered import only, set_fields
from qdrant_edge_server.stubs import wire


@dataclass(frozen=True)
class _Kind:
    """One kind of index: its names in either world, and the parameters it may have."""

    schema_type: wire.PayloadSchemaType.ValueType
    engine_type: edge.PayloadSchemaType
    engine_params: type[Any]
    params_field: str
    params: tuple[str, ...]


_COMMON = ("on_disk", "enable_hnsw", "memory")
_KINDS: Mapping[wire.FieldType.ValueType, _Kind] = {
    wire.FieldType.FieldTypeKeyword: _Kind(
        wire.PayloadSchemaType.Keyword,
        edge.PayloadSchemaType.Keyword,
        edge.KeywordIndexParams,
        "keyword_index_params",
        ("is_tenant", *_COMMON),
    ),
    wire.FieldType.FieldTypeInteger: _Kind(
        wire.PayloadSchemaType.Integer,
        edge.PayloadSchemaType.Integer,
        edge.IntegerIndexParams,
        "integer_index_params",
        ("lookup", "range", "is_principal", *_COMMON),
    ),
    wire.FieldType.FieldTypeFloat: _Kind(
        wire.PayloadSchemaType.Float,
        edge.PayloadSchemaType.Float,
        edge.FloatIndexParams,
        "float_index_params",
        ("is_principal", *_COMMON),
    ),
    wire.FieldType.FieldTypeBool: _Kind(
        wire.PayloadSchemaType.Bool,
        edge.PayloadSchemaType.Bool,
        edge.BoolIndexParams,
        "bool_index_params",
        _COMMON,
    ),
}


def index_schema(request: wire.CreateFieldIndexCollection) -> Any:
    """The engine's schema of the index that `request` asks for.

    Raises:
        InvalidRequest: no type is given, or parameters of another type.
        NotOffered: a text, geo, date or UUID index, or a parameter unknown here.
    """
    if not request.HasField("field_type"):
        raise InvalidRequest("Wrong input: field type is missing")
    if request.field_type not in _KINDS:
        raise NotOffered("A payload index of this type is not offered by this server.")
    kind = _KINDS[request.field_type]
    given = request.field_index_params.WhichOneof("index_params")
    if given is None:
        return kind.engine_type
    if given != kind.params_field:
        raise InvalidRequest("Wrong input: the index parameters are of another field type")
    params: Message = getattr(request.field_index_params, kind.params_field)
    only(params, *kind.params)
    chosen = set_fields(params, kind.params)
    if "memory" in chosen:
        chosen["memory"] = MEMORY.get(chosen["memory"])
    return kind.engine_params(**chosen)


def index_info(index: edge.PayloadIndexInfo) -> wire.PayloadSchemaInfo:
    """What `Collections.Get` tells of an index."""
    # A search, not a look-up: the engine's enums compare but do not hash by value.
    kind = next(kind for kind in _KINDS.values() if kind.engine_type == index.data_type)
    info = wire.PayloadSchemaInfo(data_type=kind.schema_type, points=index.points)
    if index.params is not None:
        target = getattr(info.params, kind.params_field)
        target.SetInParent()
        for name in kind.params:
            value = getattr(index.params, name)
            if name == "memory":
                value = next((ours for ours, theirs in MEMORY.items() if theirs == value), None)
            if value is not None:
                setattr(target, name, value)
    return info
