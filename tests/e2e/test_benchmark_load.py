"""The benchmarks' section about load runs, at a size that takes seconds."""

from pathlib import Path

import pytest

from tests.benchmarks.load.levels import Plan
from tests.benchmarks.sections import load
from tests.support.benchmarks import room_of
from tests.support.stack import Stack


def test_the_section_comes_to_its_end(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = tuple((times, 1) for times, _ in load.SHORT.levels)
    tiny = Plan(callers=4, guess_s=0.5, step_s=1, levels=levels, rounds=1)
    monkeypatch.setattr(load, "SHORT", tiny)
    room = room_of(load, tmp_path, stack)
    load.measure(room)
    # Whether anything is refused in a second of twice the load is up to the machine.
    assert {spec.name for spec in load.SPECS} - room.rows.keys() <= {"load/refusal_2"}
    (table,) = room.tables
    kinds = {line[1] for line in table.lines if line[2]}
    assert kinds == {"all", *load.MIX}
    assert (tmp_path / room.pictures[0].file).stat().st_size > 5_000
