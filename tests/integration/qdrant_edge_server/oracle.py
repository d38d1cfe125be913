"""The same call on the server and on qdrant-client's local mode, and what they answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from qdrant_client import QdrantClient


@dataclass(frozen=True)
class Pair:
    """One collection held twice: by the server, and by local mode, the oracle."""

    served: QdrantClient
    local: QdrantClient
    name: str

    def write(self, call: Callable[[QdrantClient], Any]) -> None:
        """Do the same to both."""
        call(self.served)
        call(self.local)

    def same_hits(self, *arguments: Any, tolerance: float = 1e-5, **options: Any) -> list[Any]:
        """`query_points` on both: the same ids, scores and contents; returns the hits."""
        served = self.served.query_points(self.name, *arguments, **options).points
        local = self.local.query_points(self.name, *arguments, **options).points
        assert [hit.id for hit in served] == [hit.id for hit in local]
        assert [hit.score for hit in served] == pytest.approx(
            [hit.score for hit in local], abs=tolerance
        )
        assert [hit.payload or None for hit in served] == [hit.payload or None for hit in local]
        for ours, theirs in zip(served, local, strict=True):
            same_vectors(ours.vector, theirs.vector, tolerance)
        return served

    def same_points(self) -> list[Any]:
        """Every point of both, with payload and vectors, compared; returns them."""
        served, _ = self.served.scroll(self.name, limit=10_000, with_vectors=True)
        local, _ = self.local.scroll(self.name, limit=10_000, with_vectors=True)
        ours = {str(point.id): point for point in served}
        theirs = {str(point.id): point for point in local}
        assert ours.keys() == theirs.keys()
        for key, point in ours.items():
            assert (point.payload or {}) == (theirs[key].payload or {})
            same_vectors(point.vector, theirs[key].vector, 1e-6)
        return served


def same_vectors(ours: Any, theirs: Any, tolerance: float) -> None:
    """Both None or empty, or the same names and numbers."""
    if not ours and not theirs:
        return
    assert ours.keys() == theirs.keys()
    for name, vector in ours.items():
        rows, expected = vector, theirs[name]
        if not isinstance(rows[0], list):
            rows, expected = [rows], [expected]
        assert len(rows) == len(expected)
        for row, other in zip(rows, expected, strict=True):
            assert row == pytest.approx(other, abs=tolerance)
