"""The benchmarks' section about the gateway runs, at a size that takes seconds."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.gateway_parts.client import Plan
from tests.benchmarks.harness.rows import complete
from tests.benchmarks.sections import gateway
from tests.support.benchmarks import room_of
from tests.support.stack import Stack


@pytest.mark.parametrize("full", [False, True])
def test_the_section_comes_to_its_end(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    tiny = Plan(rounds=3, callers=4, windows=1, window_s=0.3)
    monkeypatch.setattr(gateway, "SHORT", tiny)
    monkeypatch.setattr(gateway, "FULL", replace(tiny, curve=(1, 2)))
    monkeypatch.setattr(gateway, "REFERENCES", 2)
    room = room_of(gateway, tmp_path, stack, full=full)
    gateway.measure(room)
    rows = complete(gateway.SPECS, room.rows, lambda spec: "")
    assert all(row.value is not None and row.value > 0 for row in rows)
    assert len(room.pictures) == 1 + full
    assert all((tmp_path / picture.file).stat().st_size > 5_000 for picture in room.pictures)
    assert len(room.tables) == int(full)
