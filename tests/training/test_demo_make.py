"""`make demo-model`: what it wants, what it would do, and all of it in small."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from demo_data.__main__ import main
from retrieval.bundle import load_bundle

ROOT = Path(__file__).parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # As from a shell: what a make above this one said of its own flags is not meant for it.
    unset = {"CLOTHING_DATA", "WITHOUT_PHOTOS", "QUICK", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_photos_it_says_in_a_sentence_how_to_get_them() -> None:
    ended = make("demo-model")
    assert ended.returncode
    said = ended.stderr.splitlines()[0]
    for part in ("CLOTHING_DATA=DIR", "clothing-dataset", "CC0", "WITHOUT_PHOTOS=1"):
        assert part in said


def test_photos_are_learned_from_and_judged_where_they_are_given() -> None:
    command = make("--dry-run", "demo-model", "CLOTHING_DATA=photos").stdout
    assert f'photos="{ROOT}/photos"' in command
    assert "judge photos-edits," in command
    without = make("--dry-run", "demo-model", "WITHOUT_PHOTOS=1").stdout
    assert 'photos=""' in without
    assert "judge photos" not in without


def test_a_folder_without_photos_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path / "data"), "--photos", str(tmp_path)]) == 1
    assert f"{tmp_path} holds no products.csv or images.csv" in capsys.readouterr().err


def test_all_of_it_in_small(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    ended = make("demo-model", "WITHOUT_PHOTOS=1", "QUICK=1", f"DEMO={demo}")
    assert not ended.returncode, ended.stderr[-2000:]
    bundle = load_bundle(demo / "bundle")
    assert bundle.name == "recompose-demo"
    for name in ("edits", "words"):
        figures = json.loads((demo / f"{name}.json").read_text())["protocols"]["any-right"]
        assert figures["figures"]["composed"]
    assert (demo / "failures.png").is_file()
