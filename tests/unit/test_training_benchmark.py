"""The sections of training and of a GPU: what was found becomes rows, and they can still run."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.harness.rows import Spec
from tests.benchmarks.harness.section import Room, Shared
from tests.benchmarks.sections import gpu, training

long = pytest.mark.skipif(
    not os.environ.get("RECOMPOSE_TEST_LONG"),
    reason="trains and exports for half a minute: only with RECOMPOSE_TEST_LONG=1 (make test-long)",
)


def room_for(folder: Path, specs: tuple[Spec, ...], *, full: bool = False) -> Room:
    (folder / "scratch").mkdir()
    by_name = {spec.name: spec for spec in specs}
    return Room(full, folder / "scratch", folder, Shared(folder / "stack"), by_name)


def gpu_found(**more: Any) -> dict[str, Any]:
    found = {
        "device": "a card",
        "torch": "2.13.0",
        "rows": [{"name": "gpu/encoder_of_matrix_rate", "value": 0.66, "note": "330 of 500"}],
        "tables": {
            "encoder": [
                {"batch": 1, "ms": 9.0, "share": 0.11, "peak_gb": None},
                {"batch": 64, "ms": 100.0, "share": 0.66, "peak_gb": 4.5},
            ],
            "fusion": [],
        },
        "failed": {},
    }
    return found | more


def test_what_a_gpu_gave_becomes_rows_a_table_and_a_picture(tmp_path: Path) -> None:
    room = room_for(tmp_path, gpu.SPECS)
    gpu.show(room, gpu_found())
    row = room.rows["gpu/encoder_of_matrix_rate"]
    assert (row.value, row.met) == (0.66, True)
    assert "a card" in row.note
    (table,) = room.tables
    assert table.lines[0] == ["1", "9", "0.11", ""]
    assert (tmp_path / "gpu-encoder.png").stat().st_size > 5_000


def test_a_part_that_failed_on_a_gpu_is_told_and_the_others_are_kept(tmp_path: Path) -> None:
    room = room_for(tmp_path, gpu.SPECS)
    with pytest.raises(RuntimeError, match="training: broken"):
        gpu.show(room, gpu_found(failed={"training": "broken"}))
    assert "gpu/encoder_of_matrix_rate" in room.rows


def test_compiling_that_does_not_finish_is_a_note_and_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = room_for(tmp_path, training.SPECS, full=True)

    def found(python: Path, module: str, part: str, *flags: str, timeout_s: float) -> Any:
        if part == "compiled":
            raise subprocess.TimeoutExpired(module, timeout_s)
        if part == "attention":
            return {"seconds": {"plain": [0.3], "fused": [0.2]}, "batch": 6}
        if part == "export":
            return {"seconds": {"export": [20.0], "bare": [10.0]}, "bytes": 97_000_000}
        steps = {"kept_s": [0.25], "plain_s": [0.5], "ready_s": [0.4], "pictures_a_step": 10}
        loader = {"0": [50.0], "1": [40.0], "2": [100.0]}
        return steps | {"loader": loader, "limit": 4.0, "batch": 6, "threads": 2}

    monkeypatch.setattr(room, "elsewhere", found)
    training.measure(room)
    assert room.rows.keys() == set(room.specs) - {"training/compiled"}
    assert room.rows["training/kept"].value == 2
    assert room.rows["training/kept_of_limit"].value == 0.5
    assert room.rows["training/loader_2"].value == 4  # 100 a second, where 10 in 0.4 s are used
    assert room.rows["training/export"].value == 2
    assert any("did not finish in 300 s" in str(table.lines) for table in room.tables)


@long
def test_the_training_section_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    less = training.Sizes(small="tiny", exported="tiny", batch=2, rounds=1, encoder_rounds=2)
    monkeypatch.setattr(training, "SIZES", less)
    room = room_for(tmp_path, training.SPECS)
    training.measure(room)
    assert room.rows.keys() == {s.name for s in training.SPECS if s.form == "short"}
    assert (tmp_path / "training-loader.png").is_file()


@long
def test_the_gpu_section_runs_with_and_without_one(tmp_path: Path) -> None:
    room = room_for(tmp_path, gpu.SPECS)
    gpu.measure(room)
    assert bool(room.rows) == Path("/dev/nvidia0").exists()
