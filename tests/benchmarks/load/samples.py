"""What became of each request, and what that amounts to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

Outcome = Literal["answered", "refused", "failed", "late", "cancelled"]
"""``refused``: RESOURCE_EXHAUSTED or 429, by admission. ``late``: no answer by the deadline, or one
of DEADLINE_EXCEEDED. ``cancelled``: by the generator itself, before an answer came."""

PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Sample:
    """One request; times in seconds from the start of its phase."""

    due_s: float
    ended_s: float
    late_start_s: float
    """How much later than due the generator itself began: its own fault, not the service's."""
    edge: str
    kind: str
    outcome: Outcome
    reason: str = ""

    @property
    def latency_s(self) -> float:
        """From when it was due, so that waiting in the generator counts, too: a service that
        stalls is not spared the requests that fall into the stall (coordinated omission)."""
        return self.ended_s - self.due_s


@dataclass(frozen=True)
class Summary:
    """A phase in numbers; latencies in milliseconds, from when requests were due."""

    offered_per_s: float
    goodput_per_s: float
    """Answers within the deadline."""
    outcomes: dict[str, int]
    reasons: dict[str, int]
    """Of what was refused, failed or late."""
    answered_ms: dict[str, float]
    refused_ms: dict[str, float]
    late_start_p99_ms: float
    answered_by_kind_ms: dict[str, dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def summarise(samples: Sequence[Sample], seconds: float, deadline_s: float) -> Summary:
    """``seconds``: how long the phase offered load. Cancelled requests are neither good nor bad:
    they count as offered, and are taken out of what goodput can reach."""
    outcomes: Counter[str] = Counter(sample.outcome for sample in samples)
    good = sum(
        sample.outcome == "answered" and sample.latency_s <= deadline_s for sample in samples
    )
    return Summary(
        offered_per_s=(len(samples) - outcomes["cancelled"]) / seconds,
        goodput_per_s=good / seconds,
        outcomes=dict(outcomes),
        reasons=dict(Counter(sample.reason for sample in samples if sample.reason)),
        answered_ms=percentiles([s.latency_s for s in samples if s.outcome == "answered"]),
        refused_ms=percentiles([s.latency_s for s in samples if s.outcome == "refused"]),
        late_start_p99_ms=percentiles([s.late_start_s for s in samples]).get("p99", 0.0),
        answered_by_kind_ms={
            kind: percentiles(
                [s.latency_s for s in samples if s.kind == kind and s.outcome == "answered"]
            )
            for kind in sorted({sample.kind for sample in samples})
        },
    )


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles in milliseconds, and ``max``; empty for no values. Exact: all values are kept."""
    if not seconds:
        return {}
    found = np.percentile(np.asarray(seconds) * 1000, PERCENTILES, method="higher")
    levels = [*(f"p{level:g}" for level in PERCENTILES), "max"]
    return dict(zip(levels, np.round([*found, max(seconds) * 1000], 3).tolist(), strict=True))


def goodput_windows(samples: Sequence[Sample], seconds: float, deadline_s: float) -> list[float]:
    """Answers within their deadline, by the second in which they ended, from 0 to ``seconds``."""
    counts = [0.0] * max(1, int(np.ceil(seconds)))
    for sample in samples:
        if not 0 <= sample.ended_s < len(counts):
            continue
        if sample.outcome == "answered" and sample.latency_s <= deadline_s:
            counts[int(sample.ended_s)] += 1
    return counts


def recovered_after_s(goodput: Sequence[float], goal_per_s: float) -> float | None:
    """When goodput by second had come back: the end of the first two seconds whose mean reached
    the goal. None where it never did."""
    for second in range(len(goodput) - 1):
        if (goodput[second] + goodput[second + 1]) / 2 >= goal_per_s:
            return float(second + 2)
    return None
