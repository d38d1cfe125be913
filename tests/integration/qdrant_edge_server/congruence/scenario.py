"""What the congruence suite compares: one question, and what each Qdrant answered."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from grpc import RpcError, StatusCode
from qdrant_client import QdrantClient

Ask: TypeAlias = Callable[[QdrantClient, str], Any]


@dataclass(frozen=True)
class Scenario:
    """A question to a collection of the catalog, whose answer is plain data (see `plain`).

    Attributes:
        ask: called with a client and the collection's name.
        refused: the status that Qdrant refuses it with; None where it is served.
        local_differs: where qdrant-client's local mode is known to answer otherwise than Qdrant:
            what it does, and how that is known. The suite then holds it to be different, so that
            a note which is no longer true is found.
    """

    ask: Ask
    refused: StatusCode | None = None
    local_differs: str = ""


@dataclass(frozen=True)
class Refused:
    """The answer was an error; local mode has no status."""

    code: StatusCode | None


def outcome(ask: Ask, client: QdrantClient, name: str) -> Any:
    """What `client` answers, as plain data or as `Refused`."""
    try:
        return ask(client, name)
    except RpcError as error:
        return Refused(error.code())
    except (ValueError, KeyError, TypeError, IndexError, AssertionError):
        # Local mode's errors are whatever its code ran into; over the wire none of these comes.
        return Refused(None)


def plain(point: Any) -> dict[str, Any]:
    """A hit or a record as plain data; without versions, which are a server's own affair."""
    return {
        "id": str(point.id),
        "score": getattr(point, "score", None),
        "payload": point.payload or None,
        "vector": point.vector or None,
        "order": getattr(point, "order_value", None),
    }


def everything(client: QdrantClient, name: str) -> Any:
    """All points of a collection by id, with payload and vectors."""
    points, _ = client.scroll(name, limit=10_000, with_vectors=True)
    return {str(point.id): plain(point) for point in points}


def same(ours: Any, theirs: Any, tolerance: float = 1e-5) -> bool:
    """Equal, but for the last digits of a fraction."""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return ours.keys() == theirs.keys() and all(
            same(ours[key], theirs[key], tolerance) for key in ours
        )
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(
            same(one, other, tolerance) for one, other in zip(ours, theirs, strict=True)
        )
    return type(ours) is type(theirs) and bool(ours == theirs)
