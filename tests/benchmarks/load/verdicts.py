"""What is expected of an overloaded service, line by line, beside what was measured."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from tests.benchmarks.load.plan import LARGE, Found, Phase

_LAG_P99_MS: Final = 20.0
_RECOVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One expectation; ``held`` is None where nothing could be measured."""

    expected: str
    measured: str
    held: bool | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def verdicts(found: Found, deadline_s: float) -> list[Verdict]:
    """Each bound on goodput, latency, refusals, recovery and event-loop lag."""
    usual = found.phase("0.7 C")
    over = [found.phase("2 C"), found.phase("4 C")]
    judged = [_goodput(found, over[0], 0.9), _goodput(found, over[1], 0.8)]
    judged += [_latency(phase, usual) for phase in over]
    judged += [_refusals(phase, deadline_s) for phase in over]
    judged += [
        Verdict(
            f"{name}: goodput is back at 0.95 C within {_RECOVERY_S:g} s",
            "it was not" if after_s is None else f"after {after_s:g} s",
            after_s is not None and after_s <= _RECOVERY_S,
        )
        for name, after_s in found.recovered_s.items()
    ]
    large = [phase for phase in found.phases if phase.name == LARGE]
    judged += [_answered(phase) for phase in large]
    return judged + [_lag(phase) for phase in (usual, *large, *over)]


def _goodput(found: Found, phase: Phase, share: float) -> Verdict:
    reached = phase.summary.goodput_per_s / found.peak_per_s
    return Verdict(
        f"{phase.name}: goodput is {share:g} C or more", f"{reached:.2f} C", reached >= share
    )


def _latency(phase: Phase, usual: Phase) -> Verdict:
    expected = f"{phase.name}: p99 of answers is within 3 times that at 0.7 C"
    p99, normal = phase.summary.answered_ms.get("p99"), usual.summary.answered_ms.get("p99")
    if p99 is None or not normal:
        return Verdict(expected, "there were no answers", None)
    return Verdict(expected, f"{p99 / normal:.1f} times ({p99:.0f} ms)", p99 <= 3 * normal)


def _refusals(phase: Phase, deadline_s: float) -> Verdict:
    expected = f"{phase.name}: a refusal takes a tenth of the deadline or less (p99)"
    p99 = phase.summary.refused_ms.get("p99")
    if p99 is None:
        return Verdict(expected, "nothing was refused", None)
    return Verdict(expected, f"{p99:.0f} ms of {deadline_s * 1000:.0f}", p99 <= deadline_s * 100)


def _answered(phase: Phase) -> Verdict:
    outcomes = phase.summary.outcomes
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    good = outcomes.get("answered", 0) + outcomes.get("cancelled", 0)
    return Verdict(f"{phase.name}: all are answered", told, good == sum(outcomes.values()))


def _lag(phase: Phase) -> Verdict:
    expected = f"{phase.name}: the event loop's lag is {_LAG_P99_MS:g} ms or less (p99)"
    if phase.lag_p99_ms is None:
        return Verdict(expected, "it could not be read", None)
    measured = f"at most {phase.lag_p99_ms:g} ms"
    return Verdict(expected, measured, phase.lag_p99_ms <= _LAG_P99_MS)
