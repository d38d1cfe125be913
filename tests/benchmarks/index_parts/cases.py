"""One catalog, measured each way."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retrieval.domain import Exact, Pooled, Route, Scan, Tuning
from tests.benchmarks.harness.section import ROOT
from tests.benchmarks.index_parts import automatic
from tests.benchmarks.index_parts.catalogs import SHARES, Catalog
from tests.benchmarks.index_parts.questions import Question
from tests.benchmarks.index_parts.shards import Built, Shard, fill, wire_query
from tests.benchmarks.index_parts.side_shards import Centroids, TokenPoints
from tests.benchmarks.index_parts.ways import (
    NUMPY,
    Asking,
    Figures,
    NumpyScan,
    best_by_hand,
    measured,
)

TOKEN_POINTS: Final = "token points, grouped"
CENTROIDS: Final = (2, 4)
_DEPTHS: Final = (200, 300, 500, 750, 1000, 1500, 2000, 3000, 4000, 5000, 7500, 10_000)
_SLOW_DEPTH: Final = 2000  # with K vectors; deeper ones tell nothing more
_NUMPY_SHARE: Final = 0.3  # of the free memory, for numpy's matrix


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is asked.

    Attributes:
        drawn: products of each catalog of full size.
        demo: products of the demo catalog.
        side: products, at most, with token points and centroids beside.
        copied: products, at most, whose shard is copied to be asked in process and through the
            stand-in at once.
        composed, image_only: questions of each kind.
        rounds, slow_rounds: that ways are timed for, with one vector and with K.
        audit: products that the recall audit asks about; the product's default is 50.
        budget_s: that a search may take, for the audit to choose its route: QDRANT_BUDGET_S.
    """

    drawn: tuple[int, ...]
    demo: int
    side: int
    copied: int
    composed: int
    image_only: int
    rounds: int
    slow_rounds: int
    audit: int
    budget_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """What a catalog came to.

    Attributes:
        composed, image_only: each way's figures.
        filtered: by the share of the products that pass, composed questions.
    """

    catalog: Catalog
    built: Built
    tuning: Tuning
    composed: Mapping[str, Figures]
    image_only: Mapping[str, Figures]
    filtered: Mapping[str, Mapping[str, Figures]]
    side: Mapping[str, tuple[float, int]]
    """Of token points and centroids: seconds to build, bytes on the disk."""

    @property
    def automatic(self) -> Figures:
        """Of the product's own choice, composed."""
        return self.composed[name_of(self.tuning.route)]

    @property
    def automatic_image_only(self) -> Figures:
        """Of the product's own choice, image-only."""
        return self.image_only[name_of(_image_only(self.tuning))]

    @property
    def lowest_recall(self) -> float:
        """Recall@50 of the product's own choice: composed, image-only, and under each filter."""
        own = name_of(self.tuning.route)
        return min(
            self.automatic.recall50,
            self.automatic_image_only.recall50,
            *(figures[own].recall50 for figures in self.filtered.values()),
        )

    @property
    def against_by_hand(self) -> float:
        """Median of the product's choice over that of the best one by hand; the worse shape."""
        return max(
            own.timings.median / figures[best_by_hand(figures)].timings.median
            for own, figures in (
                (self.automatic, self.composed),
                (self.automatic_image_only, self.image_only),
            )
        )


def name_of(route: Route) -> str:
    """What a route is called in tables."""
    match route:
        case Pooled(depth):
            return f"pooled, {depth}"
        case Scan():
            return "int8 scan"
        case Exact():
            return "exact, engine"


def measured_case(
    catalog: Catalog,
    composed: Sequence[Question],
    image_only: Sequence[Question],
    folder: Path,
    sizes: Sizes,
    *,
    side: bool = False,
) -> Case:
    """Fill a collection, have it audited, and ask it every way.

    Args:
        side: with token points and centroids beside.
    """
    built = fill(catalog, folder / "collection")
    tuning = automatic.audited(built, catalog, sizes.audit, sizes.budget_s)
    numpy = _numpy(catalog)
    beside: dict[str, tuple[float, int]] = {}
    others: dict[str, Asking] = {}
    closing: list[TokenPoints | Centroids] = []
    if side:
        for name, other in _side_shards(catalog, folder):
            beside[name] = other.built_s, other.disk_bytes
            closing.append(other)
            others |= _side_ways(name, other, len(catalog))
    with Shard(built.shard, catalog) as shard:
        ways = numpy | _engine_ways(shard, len(catalog), tuning.route)
        image_ways = numpy | _engine_ways(shard, _SLOW_DEPTH, _image_only(tuning), len(catalog))
        own = name_of(tuning.route)
        kept = {NUMPY, "exact, engine", "int8 scan", own, *others}
        filtered = {
            share: measured(
                {name: way for name, way in (ways | others).items() if name in kept},
                catalog,
                composed[: max(4, len(composed) // 3)],
                sizes.slow_rounds,
                share=share,
            )
            for share in SHARES
        }
        found = Case(
            catalog,
            built,
            tuning,
            measured(ways | others, catalog, composed, sizes.rounds),
            measured(image_ways, catalog, image_only, sizes.slow_rounds),
            filtered,
            beside,
        )
    for other in closing:
        other.close()
    return found


def memory(case: Case, route: Route, questions: Sequence[Question], folder: Path) -> dict[str, int]:
    """Bytes that a fresh process takes to search a case's shard: anonymous, and mapped files."""
    messages = [wire_query("", each, case.catalog, route) for each in questions]
    queries = folder / "queries.pickle"
    queries.write_bytes(pickle.dumps([each.SerializeToString() for each in messages]))
    module = "tests.benchmarks.index_parts.resident"
    ran = subprocess.run(
        [sys.executable, "-m", module, str(case.built.shard), str(queries)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"services{os.pathsep}."},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, int] = json.loads(ran.stdout)
    return told


def _image_only(tuning: Tuning) -> Pooled | Scan:
    return tuning.image_only_route or tuning.route


def _numpy(catalog: Catalog) -> dict[str, Asking]:
    """Numpy's scan, unless the machine lacks the memory for its matrix."""
    needed = 2 * catalog.tokens.nbytes
    lines = Path("/proc/meminfo").read_text().splitlines()
    (free,) = (int(each.split()[1]) * 1024 for each in lines if each.startswith("MemAvailable"))
    return {NUMPY: NumpyScan(catalog).asking} if needed < _NUMPY_SHARE * free else {}


def _engine_ways(
    shard: Shard, deepest: int, own: Route, products: int | None = None
) -> dict[str, Asking]:
    most = min(deepest, products or deepest)
    routes: list[Route] = [Exact(), Scan(), *map(Pooled, (d for d in _DEPTHS if d <= most)), own]
    return {name_of(route): _asking(shard, route) for route in routes}


def _asking(shard: Shard, route: Route) -> Asking:
    return lambda question, share: shard.asking(question, route, share)


def _side_shards(catalog: Catalog, folder: Path) -> list[tuple[str, TokenPoints | Centroids]]:
    shards: list[tuple[str, TokenPoints | Centroids]] = [
        (TOKEN_POINTS, TokenPoints(folder / "token_points", catalog))
    ]
    for count in CENTROIDS:
        if count < catalog.sizes[0]:
            shard = Centroids(folder / f"centroids_{count}", catalog, count)
            shards.append((f"{count} centroids", shard))
    return shards


def _side_ways(name: str, shard: TokenPoints | Centroids, products: int) -> dict[str, Asking]:
    if isinstance(shard, TokenPoints):
        return {name: shard.asking}
    return {
        f"{name}, {depth}": _centroids_asking(shard, depth)
        for depth in (200, 500, 1000)
        if depth <= products
    }


def _centroids_asking(shard: Centroids, depth: int) -> Asking:
    return lambda question, share: shard.asking(question, depth, share)
