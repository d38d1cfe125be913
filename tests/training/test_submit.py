"""sprc.submit: CIRR's two files from a checkpoint."""

import json
from pathlib import Path

import pytest

from sprc.submit import main
from tests.training.parity import PARITY, TINY_A
from tests.training.synthetic import write_cirr

WEIGHTS = ["--model-path", str(TINY_A / "ckpt.pt"), "--tokenizer", str(PARITY / "vocab.txt")]
# One more than a batch, where the published code fails.
QUERIES = 33


def submit(data: Path, output: Path, *more: str) -> int:
    return main(
        [
            *("--data-path", str(data), "--output", str(output), *WEIGHTS),
            *("--num-workers", "0", "--batch-size", "32", "--device", "cpu", *more),
        ]
    )


def test_files_for_one_query_more_than_a_batch(tmp_path: Path) -> None:
    write_cirr(tmp_path / "cirr", gallery=60, queries=QUERIES)
    assert submit(tmp_path / "cirr", tmp_path / "out") == 0
    listed = json.loads((tmp_path / "cirr/cirr/captions/cap.rc2.test1.json").read_text())
    expected = {str(query["pairid"]): query for query in listed}
    for metric, count in (("recall", 50), ("recall_subset", 3)):
        path = tmp_path / "out" / f"{metric}_submission_blip2_cir_align_prompt_2.json"
        answers = json.loads(path.read_text())
        assert list(answers)[-2:] == ["metric", "version"]
        assert answers.pop("metric") == metric
        assert answers.pop("version") == "rc2"
        assert answers.keys() == expected.keys()
        for pair, names in answers.items():
            assert len(set(names)) == count
            assert expected[pair]["reference"] not in names
            if metric == "recall_subset":
                assert set(names) < set(expected[pair]["img_set"]["members"])


def test_name_of_the_files_can_be_given(tmp_path: Path) -> None:
    write_cirr(tmp_path / "cirr", gallery=52, queries=1)
    assert submit(tmp_path / "cirr", tmp_path / "out", "--submission-name", "mine") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "recall_submission_mine.json",
        "recall_subset_submission_mine.json",
    }


def test_what_cannot_be_submitted_ends_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cirr(tmp_path / "small", gallery=20, queries=2)
    assert submit(tmp_path / "small", tmp_path / "out") == 1
    assert "19 different names, not 50" in capsys.readouterr().err
    write_cirr(tmp_path / "gap", gallery=60, queries=2)
    (tmp_path / "gap" / "test1" / "test1-7-0-img1.png").unlink()
    assert submit(tmp_path / "gap", tmp_path / "out") == 1
    assert "test1-7-0-img1.png does not exist" in capsys.readouterr().err
    assert submit(tmp_path / "nowhere", tmp_path / "out") == 1
    assert "is no CIRR" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit, match="2"):
        submit(tmp_path / "gap", tmp_path / "out", "--submission-name", "../x")
