"""The report as it is committed: a page of Markdown and one picture, both written from figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.load.curves import sheet
from tests.benchmarks.load.plan import Found, Phase
from tests.benchmarks.load.report import by_rate
from tests.benchmarks.load.verdicts import Verdict

PAGE: Final = "README.md"
PICTURE: Final = "load.svg"
WORDS: Final = {True: "held", False: "**missed**", None: "not seen"}


def publish(
    folder: Path, found: Found, judged: Sequence[Verdict], told: dict[str, Any]
) -> tuple[Path, Path]:
    """Write page and picture; ``told``: how it was measured. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    page, picture = folder / PAGE, folder / PICTURE
    page.write_text(_page(found, judged, told))
    picture.write_text(sheet(by_rate(found)))
    return page, picture


def _page(found: Found, judged: Sequence[Verdict], told: dict[str, Any]) -> str:
    how = "; ".join(f"{name}: {value}" for name, value in told.items())
    more = "" if found.peak_is_passed else " No step went past the peak: C may be higher."
    verdicts = [(v.expected, v.measured, WORDS[v.held]) for v in judged]
    reasons = [
        (phase.name, reason, str(count))
        for phase in found.phases
        for reason, count in sorted(phase.summary.reasons.items())
    ]
    return f"""# Under load

Written by `make load LOAD="--publish docs/load"`, which measures anew and overwrites this page.

C, the peak of goodput (answers inside their deadline), was {found.peak_per_s:.1f} a second, at
{found.peak_rate:g} offered, the mean of that step made twice.{more}
Measured on {told.get("processors", "?")} cores that the whole stack shared with what asked it;
latency counts from when a request was due, whenever it was sent.

![Goodput, latency, refusals and event-loop lag by load]({PICTURE})

## What is expected

{_table(("expected", "measured", ""), verdicts)}
## Phases

Times are milliseconds. Lag is a bound of a histogram: 99 of 100 moments were no later.

{_table(_COLUMNS, [_row(phase) for phase in found.phases])}
## What was not answered

{_table(("phase", "told", "times"), reasons) if reasons else "Everything was."}
Measured with {how}.
"""


_COLUMNS: Final = (
    "phase", "offered/s", "goodput/s", "p50", "p99", "refused", "refused p99", "late", "failed",
    "lag p99", "gateway's cores", "its MiB", "sent late p99",
)  # fmt: skip


def _row(phase: Phase) -> tuple[str, ...]:
    summary = phase.summary
    outcomes = summary.outcomes
    return (
        phase.name, f"{summary.offered_per_s:.1f}", f"{summary.goodput_per_s:.1f}",
        *(_number(summary.answered_ms.get(level)) for level in ("p50", "p99")),
        str(outcomes.get("refused", 0)), _number(summary.refused_ms.get("p99")),
        str(outcomes.get("late", 0)), str(outcomes.get("failed", 0)), _number(phase.lag_p99_ms),
        *_held(phase), _number(summary.late_start_p99_ms),
    )  # fmt: skip


def _held(phase: Phase) -> tuple[str, str]:
    """Processors that the gateway used, and its resident memory at the end."""
    if len(phase.held) < 2:
        return "", ""
    first, last = phase.held[0], phase.held[-1]
    cores = (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)
    return f"{cores:.2f}", str(last.resident_bytes >> 20)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
