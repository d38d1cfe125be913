"""The report: one HTML page that needs nothing else, and the same numbers as JSON."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from tests.benchmarks.load.curves import Curve, chart
from tests.benchmarks.load.plan import LARGE, Found, Phase
from tests.benchmarks.load.verdicts import Verdict

_MIB: Final = 1 << 20
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{text-align:right;padding:.25rem .5rem;border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:1rem}
figure{margin:0}svg{width:100%;height:auto}svg text{font-size:11px;fill:#555}
.grid{stroke:#ddd}.yes{color:#15803d}.no{color:#b91c1c}.words td{text-align:left}
"""


def as_json(found: Found, judged: Sequence[Verdict], told: dict[str, Any]) -> dict[str, Any]:
    """Everything that was measured. ``told``: how it was measured."""
    return {
        "measured": told,
        "peak_goodput_per_s": found.peak_per_s,
        "peak_rate": found.peak_rate,
        "peak_is_passed": found.peak_is_passed,
        "recovered_s": found.recovered_s,
        "verdicts": [verdict.as_dict() for verdict in judged],
        "phases": [phase.as_dict() for phase in found.phases],
    }


def as_html(found: Found, judged: Sequence[Verdict], told: dict[str, Any]) -> str:
    """The page."""
    more = "" if found.peak_is_passed else " <b>No step went past the peak: C may be higher.</b>"
    how = ", ".join(f"{escape(name)} {escape(str(value))}" for name, value in told.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Recompose under load</title>
<style>{_STYLE}</style></head><body>
<h1>Recompose under load</h1>
<p>C, the peak of goodput, was <b>{found.peak_per_s:.1f}</b> answers a second inside their deadline,
at {found.peak_rate:g} offered. Latency counts from when a request was due.{more}</p>
<p>Measured with: {how}.</p>
<h2>What is expected</h2>{_verdicts(judged)}
<h2>Phases</h2>{_phases(found.phases)}
<h2>Curves</h2><div class="figures">{"".join(_charts(found))}</div>
<h2>What was not answered</h2>{_reasons(found.phases)}
</body></html>
"""


def _verdicts(judged: Sequence[Verdict]) -> str:
    words = {True: '<b class="yes">held</b>', False: '<b class="no">broken</b>', None: "not seen"}
    rows = [
        f"<tr><td>{escape(v.expected)}</td><td>{escape(v.measured)}</td><td>{words[v.held]}</td>"
        for v in judged
    ]
    return f'<table class="words">{"".join(rows)}</table>'


def _phases(phases: Sequence[Phase]) -> str:
    names = (
        "phase", "offered/s", "goodput/s", "p50 ms", "p99 ms", "p99.9 ms", "refused",
        "refused p99 ms", "late", "failed", "cancelled", "lag p99 ms", "generator late p99 ms",
    )  # fmt: skip
    rows = []
    for phase in phases:
        summary, outcomes = phase.summary, phase.summary.outcomes
        cells = (
            phase.name, f"{summary.offered_per_s:.1f}", f"{summary.goodput_per_s:.1f}",
            *(_number(summary.answered_ms.get(level)) for level in ("p50", "p99", "p99.9")),
            outcomes.get("refused", 0), _number(summary.refused_ms.get("p99")),
            outcomes.get("late", 0), outcomes.get("failed", 0), outcomes.get("cancelled", 0),
            _number(phase.lag_p99_ms), _number(summary.late_start_p99_ms),
        )  # fmt: skip
        rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in names)
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


Drawing = tuple[str, str, list[Curve]]
"""A chart: its title, the name of x, and its curves."""


def by_rate(found: Found) -> list[Drawing]:
    """What came of each phase, by the load that was offered."""
    # Large uploads are another load, which makes no point of these curves.
    steps = sorted(
        (phase for phase in found.phases if phase.name != LARGE),
        key=lambda phase: phase.summary.offered_per_s,
    )

    def curve(name: str, value: Any) -> Curve:
        points = [(step.summary.offered_per_s, value(step)) for step in steps]
        return Curve(name, [(x, y) for x, y in points if y is not None])

    def answered(level: str) -> Curve:
        return curve(level, lambda phase: phase.summary.answered_ms.get(level))

    latency = [answered(level) for level in ("p50", "p95", "p99")]
    offered = "requests offered a second"
    goodput = curve("goodput/s", lambda phase: phase.summary.goodput_per_s)
    refused = curve(
        "refused/s", lambda phase: phase.summary.outcomes.get("refused", 0) / phase.seconds
    )
    refusals = curve("p99", lambda phase: phase.summary.refused_ms.get("p99"))
    lag = curve("lag", lambda phase: phase.lag_p99_ms)
    return [
        ("Goodput and refusals", offered, [goodput, refused]),
        ("Latency of answers, ms", offered, latency),
        ("Time to refuse, ms", offered, [refusals]),
        ("Event-loop lag, p99, at most ms", offered, [lag]),
    ]


def _charts(found: Found) -> list[str]:
    through = _through(found, lambda phase: phase.goodput)
    return [
        *(chart(*drawing) for drawing in by_rate(found)),
        chart("Goodput, answers a second", "second", through),
        *_held(found),
    ]


def _through(found: Found, values: Any) -> list[Curve]:
    """By second, one phase after the other, as if there were no pause between them."""
    every = [value for phase in found.phases for value in values(phase)]
    return [Curve("all phases", [(float(second), value) for second, value in enumerate(every)])]


def _held(found: Found) -> list[str]:
    """What the process held, look by look."""
    looks, start_s = [], 0.0
    for phase in found.phases:
        looks += [(start_s + held.at_s, held) for held in phase.held]
        start_s += phase.seconds
    memory = [(at_s, held.resident_bytes / _MIB) for at_s, held in looks]
    return [
        chart("Resident memory, MiB", "second", [Curve("gateway", memory)]),
        chart(
            "Tasks, descriptors, threads",
            "second",
            [
                Curve(name, [(at_s, float(getattr(held, name))) for at_s, held in looks])
                for name in ("tasks", "descriptors", "threads")
            ],
        ),
    ]


def _reasons(phases: Sequence[Phase]) -> str:
    rows = [
        f"<tr><td>{escape(phase.name)}</td><td>{escape(reason)}</td><td>{count}</td>"
        for phase in phases
        for reason, count in sorted(phase.summary.reasons.items())
    ]
    if not rows:
        return "<p>Everything was.</p>"
    return f'<table class="words">{"".join(rows)}</table>'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
