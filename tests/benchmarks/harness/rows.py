"""Rows of the report: what is measured, what it should reach, and what it came to."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["short", "full", "gpu"]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a value, itself included."""

    bound: float
    direction: Literal["at most", "at least"]

    def met_by(self, value: float) -> bool:
        """Whether a finite value keeps to it."""
        return value <= self.bound if self.direction == "at most" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.direction} {self.bound:g}"


def at_most(bound: float) -> Target:
    """A target that a value must not exceed."""
    return Target(bound, "at most")


def at_least(bound: float) -> Target:
    """A target that a value must reach."""
    return Target(bound, "at least")


@dataclass(frozen=True, slots=True)
class Spec:
    """What a row will say, known before anything is measured.

    Attributes:
        name: ``section/what``, unique in the report.
        says: one short sentence for readers.
        unit: of the value; ``ratio`` where two things of one run are compared.
        target: None where a figure is told and not judged.
        form: the shortest form of the benchmark that measures it.
        if_missed: the reason that was found why a target is missed, and what would reach it. It
            joins the note of a row that misses.
    """

    name: str
    says: str
    unit: str = "ratio"
    target: Target | None = None
    form: Form = "short"
    if_missed: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the report. ``value`` is None where it was not measured; ``note`` says why then,
    and holds the absolute values and the spread where it was."""

    spec: Spec
    value: float | None
    note: str

    @property
    def met(self) -> bool | None:
        """None where it was not measured, or nothing is asked of it."""
        if self.value is None or self.spec.target is None:
            return None
        return self.spec.target.met_by(self.value)

    def as_dict(self) -> dict[str, Any]:
        """As it stands in ``report.json``."""
        return {
            "name": self.spec.name,
            "value": self.value,
            "unit": self.spec.unit,
            "target": "" if self.spec.target is None else str(self.spec.target),
            "met": self.met,
            "note": self.note,
        }


def measured(spec: Spec, value: float, note: str) -> Row:
    """A row with its value.

    Raises:
        ValueError: the value is not finite, or nothing says what it was made of.
    """
    if not math.isfinite(value):
        raise ValueError(f"{spec.name} came to {value}, which is no measurement")
    if not note.strip():
        raise ValueError(f"{spec.name} needs a note with what was measured")
    row = Row(spec, float(value), note)
    if row.met is False and spec.if_missed:
        return Row(spec, row.value, f"{note}. {spec.if_missed}")
    return row


def complete(
    specs: Sequence[Spec], rows: Mapping[str, Row], why_not: Callable[[Spec], str]
) -> list[Row]:
    """A row for every spec, in their order; those without a value say why not.

    Raises:
        ValueError: a row that no spec announced.
    """
    unknown = rows.keys() - {spec.name for spec in specs}
    if unknown:
        raise ValueError(f"rows that no spec announced: {', '.join(sorted(unknown))}")
    return [rows.get(spec.name, Row(spec, None, why_not(spec))) for spec in specs]
