"""Each fuzzer for a few seconds, from the same seed; `make fuzz` is the long run of the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60 if os.environ.get("RECOMPOSE_TEST_LONG") else 6
NAMES = sorted(path.stem for path in Path(__file__).parent.glob("fuzz_*.py"))


def run(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    places = ["--corpus", str(folder / "corpus"), "--keep", str(folder / "keep")]
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, *places, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'services'}:{ROOT}"},
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS + 120,
        check=False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path, "--seconds", str(SECONDS), "--seed", "1")
    assert done.returncode == 0, done.stdout[-4000:]
    assert not list((tmp_path / "keep").iterdir())
    executed = done.stdout.split("stat::number_of_executed_units:")[1].split()[0]
    assert int(executed) > 200


def test_what_is_found_ends_the_run_and_is_kept(tmp_path: Path) -> None:
    """A fuzzer whose target breaks on one byte is told from one that finds nothing."""
    done = run("planted_fault", tmp_path, "--seconds", "30", "--seed", "1")
    assert done.returncode != 0
    assert "the planted fault" in done.stdout
    (kept,) = (tmp_path / "keep").iterdir()
    assert kept.read_bytes()[:1] == b"!"
