"""Checks before the engine sees anything.

The engine applies an update point by point, so a bad point in a batch leaves the batch half
applied; a ragged multivector makes it panic after the write-ahead log has the record; and it
stores NaN without a word. So every update is checked whole, here, first.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from qdrant_edge_server.errors import InvalidRequest
from qdrant_edge_server.schema import VectorSchema
from qdrant_edge_server.stubs import wire

PointId: TypeAlias = int | uuid.UUID | str  # never str here; the engine's lists are invariant
Dense: TypeAlias = list[float]
Vector: TypeAlias = Dense | list[Dense]

_FORBIDDEN_IN_NAMES = frozenset('<>:"/\\|?*') | {chr(code) for code in range(0x20)}
_LONGEST_NAME = 255


def check_name(kind: str, name: str) -> str:
    """Return `name` if Qdrant would take it as the name of a collection or alias.

    Raises:
        InvalidRequest: it is empty, over 255 bytes, or has a character unfit for a file name.
    """
    if not name or len(name.encode()) > _LONGEST_NAME:
        raise InvalidRequest(f"Wrong input: a {kind} name has 1 to {_LONGEST_NAME} bytes.")
    if _FORBIDDEN_IN_NAMES.intersection(name):
        raise InvalidRequest(f"Wrong input: a {kind} name has a forbidden character.")
    return name


def point_id(wire_id: wire.PointId) -> PointId:
    """An id as the engine takes it: an unsigned 64-bit integer or a UUID.

    Raises:
        InvalidRequest: the id is empty or no UUID.
    """
    match wire_id.WhichOneof("point_id_options"):
        case "num":
            return wire_id.num
        case "uuid":
            try:
                return uuid.UUID(wire_id.uuid)
            except ValueError:
                raise InvalidRequest("Wrong input: a point id is not a UUID.") from None
        case _:
            raise InvalidRequest("Wrong input: a point id is empty.")


def schema_of(name: str, schemas: Mapping[str, VectorSchema]) -> VectorSchema:
    """The schema of the vector `name`.

    Raises:
        InvalidRequest: the collection has no such vector.
    """
    if name not in schemas:
        raise InvalidRequest(f"Wrong input: Not existing vector name error: {name}")
    return schemas[name]


def check_dense(values: Sequence[float], size: int) -> Dense:
    """Return `values` as a list if it holds `size` finite numbers.

    Raises:
        InvalidRequest: another length, NaN or infinity.
    """
    if len(values) != size:
        raise InvalidRequest(
            f"Wrong input: Vector dimension error: expected dim: {size}, got {len(values)}"
        )
    numbers = list(values)
    # A sum of float32 numbers cannot overflow a double, and NaN and infinity survive it.
    if not math.isfinite(sum(numbers)):
        raise InvalidRequest("Wrong input: a vector holds a number that is not finite.")
    return numbers


def check_multi(rows: Sequence[Sequence[float]], size: int) -> list[Dense]:
    """Return the rows of a multivector as lists if there is one at least and each fits.

    Raises:
        InvalidRequest: no row, a row of another length, NaN or infinity.
    """
    if not rows:
        raise InvalidRequest("Wrong input: a multivector needs at least one row.")
    return [check_dense(row, size) for row in rows]


def check_positive(field: str, value: int) -> int:
    """Return `value` if it is 1 or more.

    Raises:
        InvalidRequest: it is 0.
    """
    if value < 1:
        raise InvalidRequest(f"Wrong input: {field}: value 0 invalid, must be 1 or larger")
    return value
