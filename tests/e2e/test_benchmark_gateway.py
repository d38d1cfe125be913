"""The benchmarks' section about the gateway runs, at a size that takes seconds."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.gateway_parts.client import Plan
from tests.benchmarks.harness.rows import complete
from tests.benchmarks.harness.section import Room, Shared
from tests.benchmarks.sections import gateway
from tests.support.stack import Stack


class _Running(Shared):
    """What sections share, over a stack that runs already."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        super().__init__(folder)
        self._running = stack

    def stack(self) -> Stack:
        return self._running


@pytest.mark.parametrize("full", [False, True])
def test_the_section_comes_to_its_end(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    tiny = Plan(rounds=3, callers=4, windows=1, window_s=0.3)
    monkeypatch.setattr(gateway, "SHORT", tiny)
    monkeypatch.setattr(gateway, "FULL", replace(tiny, curve=(1, 2)))
    monkeypatch.setattr(gateway, "REFERENCES", 2)
    specs = {spec.name: spec for spec in gateway.SPECS}
    room = Room(full, tmp_path, tmp_path, _Running(tmp_path, stack), specs)
    gateway.measure(room)
    rows = complete(gateway.SPECS, room.rows, lambda spec: "")
    assert all(row.value is not None and row.value > 0 for row in rows)
    assert len(room.pictures) == 1 + full
    assert all((tmp_path / picture.file).stat().st_size > 5_000 for picture in room.pictures)
    assert len(room.tables) == int(full)
