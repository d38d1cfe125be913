"""The benchmarks' section about the cache runs, at a size that takes seconds."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.sections import cache
from tests.support.benchmarks import room_of
from tests.support.stack import Stack


def test_the_section_comes_to_its_end(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(
        cache.SHORT, rounds=3, crowds=2, callers=8, references=4, large_photo=(1200, 1600)
    )
    monkeypatch.setattr(cache, "SHORT", tiny)
    room = room_of(cache, tmp_path, stack)
    cache.measure(room)
    assert room.rows.keys() == {spec.name for spec in cache.SPECS if spec.form == "short"}
    assert room.rows["cache/hit_decodes"].value == 0
    assert room.rows["cache/one_inference"].value == 1
    assert room.rows["cache/demo_bytes"].value > 1  # type: ignore[operator]
    assert (tmp_path / room.pictures[0].file).stat().st_size > 5_000
    assert len(room.tables) == 1
