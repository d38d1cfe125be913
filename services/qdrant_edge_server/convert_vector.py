"""Vectors between the wire and the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_edge_server.errors import InvalidRequest, NotOffered
from qdrant_edge_server.guards import Vector, check_dense, check_multi, schema_of
from qdrant_edge_server.schema import DEFAULT_VECTOR, VectorSchema
from qdrant_edge_server.stubs import wire


def vectors_from_wire(vectors: wire.Vectors, schemas: Mapping[str, VectorSchema]) -> dict[str, Any]:
    """The vectors of a point by name, checked against the collection's schemas.

    Raises:
        InvalidRequest: an unknown name, a wrong shape, a number that is not finite.
        NotOffered: a sparse vector, or text or a picture to embed.
    """
    match vectors.WhichOneof("vectors_options"):
        case "vector":
            named: Mapping[str, wire.Vector] = {DEFAULT_VECTOR: vectors.vector}
        case "vectors":
            named = vectors.vectors.vectors
        case _:
            named = {}
    return {name: _vector(named[name], schema_of(name, schemas)) for name in named}


def query_from_wire(value: wire.VectorInput, schema: VectorSchema) -> Vector:
    """The vector of a nearest query, given as numbers.

    Raises:
        InvalidRequest: a wrong shape, a number that is not finite.
        NotOffered: a sparse vector, or text or a picture to embed.
    """
    match value.WhichOneof("variant"):
        case "dense":
            return _fit_dense(value.dense.data, schema)
        case "multi_dense":
            return _fit_rows([row.data for row in value.multi_dense.vectors], schema)
        case None:
            raise InvalidRequest("Wrong input: a query vector is empty.")
        case variant:
            raise NotOffered(f"VectorInput.{variant} is not offered by this server.")


def _vector(vector: wire.Vector, schema: VectorSchema) -> Vector:
    match vector.WhichOneof("vector"):
        case "dense":
            return _fit_dense(vector.dense.data, schema)
        case "multi_dense":
            return _fit_rows([row.data for row in vector.multi_dense.vectors], schema)
        case None:
            return _legacy_vector(vector, schema)
        case variant:
            raise NotOffered(f"Vector.{variant} is not offered by this server.")


def _legacy_vector(vector: wire.Vector, schema: VectorSchema) -> Vector:
    """Older clients put the numbers flat into `data`, with the count of rows beside them."""
    if vector.HasField("indices"):
        raise NotOffered("Vector.indices (a sparse vector) is not offered by this server.")
    if not vector.HasField("vectors_count"):
        return _fit_dense(vector.data, schema)
    count, flat = vector.vectors_count, vector.data
    if count == 0 or len(flat) % count:
        raise InvalidRequest("Wrong input: Vector.vectors_count does not divide Vector.data.")
    width = len(flat) // count
    return _fit_rows([flat[row * width : (row + 1) * width] for row in range(count)], schema)


def _fit_dense(values: Sequence[float], schema: VectorSchema) -> Vector:
    """A single vector given for a multivector is its only row, as in Qdrant."""
    dense = check_dense(values, schema.size)
    return [dense] if schema.multi else dense


def _fit_rows(rows: Sequence[Sequence[float]], schema: VectorSchema) -> Vector:
    if not schema.multi:
        raise InvalidRequest("Wrong input: Wrong usage of multi vectors")
    return check_multi(rows, schema.size)


def vectors_to_wire(vectors: Any, target: wire.VectorsOutput) -> None:
    """Write the engine's answer (a mapping by name, or the unnamed vector) into `target`."""
    if not isinstance(vectors, dict):
        vectors = {DEFAULT_VECTOR: vectors}
    if set(vectors) == {DEFAULT_VECTOR}:
        _set_output(vectors[DEFAULT_VECTOR], target.vector)
        return
    target.vectors.SetInParent()
    for name, vector in vectors.items():
        _set_output(vector, target.vectors.vectors[name])


def _set_output(vector: list[Any], target: wire.VectorOutput) -> None:
    if isinstance(vector[0], list):
        for row in vector:
            target.multi_dense.vectors.add().data.extend(row)
    else:
        target.dense.data.extend(vector)
