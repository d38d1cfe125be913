"""Pictures of the section: growth, and what depth buys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.benchmarks.index_parts.cases import Case
from tests.benchmarks.index_parts.ways import ENOUGH, NUMPY, best_by_hand

_GROWING: Final = (NUMPY, "exact, engine", "int8 scan")


def growth(cases: Sequence[Case]) -> Callable[[Any], None]:
    """Median latency of composed searches by the number of products, ways as lines."""

    def draw(axes: Any) -> None:
        for name in _GROWING:
            points = [
                (len(case.catalog), 1e3 * case.composed[name].timings.median)
                for case in cases
                if name in case.composed
            ]
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", label=name)
        automatic = [(len(case.catalog), 1e3 * case.automatic.timings.median) for case in cases]
        axes.plot(*zip(*automatic, strict=True), marker="s", lw=2.5, label="the product's choice")
        axes.set(xscale="log", yscale="log", xlabel="products", ylabel="p50, ms")
        axes.legend()

    return draw


def depth(cases: Sequence[Case]) -> Callable[[Any], None]:
    """Recall@50 by latency: each dot a depth of the pooled route, squares the product's choice."""

    def draw(axes: Any) -> None:
        for case in cases:
            pooled = sorted(
                (1e3 * each.timings.median, each.recall50)
                for name, each in case.composed.items()
                if name.startswith("pooled")
            )
            # A catalog smaller than each depth has no pooled way, and still its squares.
            (line,) = axes.plot(
                [latency for latency, _ in pooled],
                [recall for _, recall in pooled],
                marker=".",
                label=f"{case.catalog.name}, {len(case.catalog):,} products",
            )
            own = case.automatic
            axes.plot(1e3 * own.timings.median, own.recall50, "s", color=line.get_color())
            best = case.composed[best_by_hand(case.composed)]
            axes.plot(
                1e3 * best.timings.median, best.recall50, "o", mfc="none", ms=11,
                color=line.get_color(),
            )  # fmt: skip
        axes.axhline(ENOUGH, color="#888888", lw=0.8, ls="--")
        axes.set(xscale="log", xlabel="p50, ms", ylabel="recall@50")
        axes.legend(loc="lower right")

    return draw
