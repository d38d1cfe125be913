"""The benchmarks' section about round trips to Triton runs, and its two ways answer alike."""

import os
from pathlib import Path

import pytest

from tests.benchmarks.harness.section import Room, Shared
from tests.benchmarks.sections import round_trip


@pytest.mark.skipif(
    not os.environ.get("RECOMPOSE_TEST_LONG"),
    reason="starts two Tritons: only with RECOMPOSE_TEST_LONG=1 (make test-long)",
)
def test_the_section_comes_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_trip, "SHORT", round_trip.Rounds(demo=2, full_size=2))
    specs = {spec.name: spec for spec in round_trip.SPECS}
    room = Room(False, tmp_path, tmp_path, Shared(tmp_path), specs)
    round_trip.measure(room)
    assert room.rows.keys() == specs.keys()
    assert (tmp_path / room.pictures[0].file).stat().st_size > 5_000
