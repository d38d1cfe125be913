"""The gateway's own cost: a composed search against the two raw calls that it is made of."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.benchmarks.gateway_parts.client import Plan
from tests.benchmarks.gateway_parts.setting import Setting
from tests.benchmarks.harness.rows import Spec, at_least, at_most
from tests.benchmarks.harness.section import Room
from tests.benchmarks.harness.timing import Timings, ratio

TITLE: Final = "What the gateway costs"
ABOUT: Final = """
A composed search by product id whose picture is embedded already, against the two calls that it is
made of: the fusion graph by tritonclient, then the index by qdrant-client, one after the other,
with the same tensors, filter, candidates and limit. Words are new each time, so that Triton fuses
each time. Beside the two calls the gateway reads and writes its cache, keeps the ranking for the
next pages, reads the products of the page, and checks and translates what comes and goes.

One process asks in both cases, and all parts share the machine with it. *One caller* takes the
variants in turn, search by search; *32 callers* ask without pause, in windows that alternate. Those
are more than the gateway lets in at once here; a search that is refused is asked again .1 s later.
"""
_CALLERS: Final = 32
SHORT: Final = Plan(rounds=150, callers=_CALLERS, windows=4, window_s=4.0)
FULL: Final = Plan(
    rounds=1000, callers=_CALLERS, windows=8, window_s=15.0, curve=(1, 2, 4, 8, 16, 32, 64)
)
REFERENCES: Final = 8

SPECS: Final = (
    Spec(
        "gateway/one_caller",
        "median time of a search over gRPC, against the two raw calls",
        target=at_most(1.3),
        if_missed=(
            "Beside the two calls a search is taken in and answered over gRPC, waits twice for "
            "Redis and reads the page's products: four more round trips, each of which wakes "
            "another process. Less would need the products together with the ranking, which "
            "Qdrant gives for all hits or none, and references' embeddings in the gateway's own "
            "memory"
        ),
    ),
    Spec(
        "gateway/saturation",
        "searches a second over gRPC that 32 callers get, against the two raw calls",
        target=at_least(0.8),
        if_missed=(
            "All parts share the machine's processors, so throughput is the processor time of a "
            "search, and the gateway's own and the index's for the page's products are more "
            "than what a client is spared. By profile (py-spy) a quarter of the gateway's is "
            "gRPC's, a sixth goes into reading hits and products, an eighth into the event "
            "loop, a tenth into Redis' protocol, and no other step has as much: it would need "
            "fewer messages, not faster steps"
        ),
    ),
    Spec("gateway/one_caller_rest", "the same search over REST, against the two raw calls"),
    Spec(
        "gateway/one_caller_asked_before",
        "a search whose query vector is cached, too, against the raw index query alone",
    ),
)


def measure(room: Room) -> None:
    """Some 75 s in the short form, 15 minutes in the long one."""
    plan = FULL if room.full else SHORT
    setting = Setting.of(room.stack(), REFERENCES)
    found: dict[str, Any] = room.elsewhere(
        Path(sys.executable),
        "tests.benchmarks.gateway_parts.client",
        setting.as_json(),
        json.dumps(asdict(plan)),
        timeout_s=120 + plan.rounds + 2.5 * plan.window_s * (plan.windows + 9),
    )
    _alone(room, {name: Timings(tuple(each)) for name, each in found["alone"].items()})
    _many(room, found["many"], plan.callers)
    if found["curve"]["bare"]:
        _curve(room, plan.curve, found["curve"])


def _alone(room: Room, alone: dict[str, Timings]) -> None:
    raw = alone["bare"]
    parts = f"the fusion alone {alone['fusion']}, the index alone {alone['index']}"
    rows = {
        "one_caller": ("gateway", raw, f"the two calls {raw}; {parts}"),
        "one_caller_rest": ("rest", raw, f"the two calls {raw}"),
        "one_caller_asked_before": ("cached", alone["index"], f"the index {alone['index']}"),
    }
    for name, (what, against, beside) in rows.items():
        compared = ratio(alone[what], against)
        note = f"the gateway {alone[what]}, {beside}; ratio by quartiles {compared}"
        room.row(f"gateway/{name}", compared.value, note)
    says = "One search of one caller, the variants in turn"
    room.picture("gateway-one-caller.png", says, lambda axes: _draw_alone(axes, alone))


def _many(room: Room, many: dict[str, list[float]], callers: int) -> None:
    medians = {name: float(np.median(rates)) for name, rates in many.items()}
    rounds = np.asarray(many["gateway"]) / np.asarray(many["bare"])
    each = "; ".join(
        f"{name} {medians[key]:.4g} a second ({min(many[key]):.4g} to {max(many[key]):.4g})"
        for name, key in (("the gateway", "gateway"), ("the two calls", "bare"))
    )
    room.row(
        "gateway/saturation",
        medians["gateway"] / medians["bare"],
        f"{callers} callers, {len(rounds)} windows of each: {each}; "
        f"ratio by windows {min(rounds):.3g} to {max(rounds):.3g}",
    )


def _curve(room: Room, callers: tuple[int, ...], curve: dict[str, list[float]]) -> None:
    room.table(
        "Searches a second by callers",
        ("callers", "the two raw calls", "the gateway", "ratio"),
        [
            (count, f"{raw:.4g}", f"{own:.4g}", f"{own / raw:.3g}")
            for count, raw, own in zip(callers, curve["bare"], curve["gateway"], strict=True)
        ],
    )

    def draw(axes: Any) -> None:
        for name, says in (("bare", "the two raw calls"), ("gateway", "the gateway")):
            axes.plot(callers, curve[name], marker="o", label=says)
        axes.set(xscale="log", xlabel="callers", ylabel="searches a second", ylim=(0, None))
        axes.set_xticks(callers, [str(count) for count in callers])
        axes.legend()

    room.picture("gateway-saturation.png", "Throughput by the number of callers", draw)


def _draw_alone(axes: Any, alone: dict[str, Timings]) -> None:
    labels = {
        "fusion": "the fusion alone",
        "index": "the index alone",
        "bare": "the two raw calls",
        "gateway": "the gateway, gRPC",
        "rest": "the gateway, REST",
        "cached": "the gateway, asked before",
    }
    for name, says in labels.items():
        milliseconds = np.sort(alone[name].seconds) * 1e3
        axes.plot(milliseconds, np.linspace(0, 100, len(milliseconds)), label=says)
    longest = max(each.percentile(98) for each in alone.values()) * 1e3
    axes.set(xlim=(0, longest), xlabel="milliseconds", ylabel="% of searches within")
    axes.legend(fontsize=8)
