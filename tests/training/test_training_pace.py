"""What kept features save: memory is counted for each stretch alone, and the benchmark runs."""

import sys
from pathlib import Path

import pytest
import torch

from sprc.training.memory import PeakMemory
from sprc.training.pace import Pace, compare
from tests.benchmarks.training_pace import main

MEGABYTES = 1_000_000
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a stretch's memory")


def peak_with(megabytes: int, memory: PeakMemory) -> int:
    """The peak of a stretch that holds this much in many small tensors, and frees it."""
    memory.reset()
    held = [torch.ones(25_000) for _ in range(10 * megabytes)]
    del held
    peak = memory.peak_bytes()
    assert peak is not None
    return peak


@linux
def test_a_stretch_has_the_peak_of_its_own_tensors() -> None:
    memory = PeakMemory(torch.device("cpu"))
    peak_with(1, memory)
    small, large, again = (peak_with(size, memory) for size in (1, 300, 1))
    assert large - small == pytest.approx(299 * MEGABYTES, abs=15 * MEGABYTES)
    assert again == pytest.approx(small, abs=15 * MEGABYTES)


def test_what_the_system_does_not_count_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sprc.training.memory._RESET", tmp_path / "nothing" / "clear_refs")
    memory = PeakMemory(torch.device("cpu"))
    memory.reset()
    assert memory.peak_bytes() is None


def test_both_ways_are_compared_in_a_sentence() -> None:
    kept, plain = Pace(0.5, 1_500_000_000), Pace(1.25, 2_250_000_000)
    speeds = (
        "2.00 steps/s with kept features, 0.80 steps/s computing them in each step: "
        "2.5 times as fast"
    )
    memory = "with at most 1.50 GB of memory against 2.25 GB"
    assert compare(kept, plain) == f"{speeds}, {memory}"
    assert compare(Pace(0.5, None), Pace(1.25, None)) == speeds
    assert "too few steps" in compare(None, plain)


@linux
def test_the_benchmark_measures_both_ways_in_turn(capsys: pytest.CaptureFixture[str]) -> None:
    flags = {"--backbone": "tiny", "--device": "cpu", "--batch-size": "6", "--rounds": "2"}
    assert main([part for flag in flags.items() for part in flag]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "tiny with random weights, float32 on cpu (threads: 1), batches of 6" in lines
    rows = {line[:7]: [float(word) for word in line[7:].split()] for line in lines[-3:]}
    first, second, middle = rows["round 1"], rows["round 2"], rows["median "]
    for kept_rate, plain_rate, times, kept, plain in (first, second):
        assert times == pytest.approx(kept_rate / plain_rate, rel=0.02)
        # Computing holds the pixels, 7 MB, and what the encoder makes of them.
        assert plain - kept > 0.007
    means = [(one + other) / 2 for one, other in zip(first, second, strict=True)]
    assert middle == pytest.approx(means, abs=0.002)
