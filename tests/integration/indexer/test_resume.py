"""An import that is cut off goes on where the service last answered, and counts exactly."""

import json
import os
import random
import re
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fake_gateway import Script

from .conftest import Run, Start, last_line


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_import_goes_on_with_an_exact_count(
    feed: Path, gateway: Script, start: Start, run: Run, number: signal.Signals
) -> None:
    gateway.refused_ids = {"p3", "p280"}
    gateway.pause_s = 0.1
    process = start(feed, "--batch-size", "16")
    _wait_for(lambda: len(gateway.batches) >= 5)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "Traceback" not in err
    checkpoint = json.loads(feed.with_name("feed.jsonl.checkpoint.json").read_text())
    assert 16 <= checkpoint["rows"] < 300
    gateway.pause_s = 0.0
    before = len(gateway.batches)

    result = run(feed, "--batch-size", "16")

    assert result.returncode == 0, result.stderr
    counts = [int(text) for text in re.findall(r"\d+", last_line(result))]
    imported, unchanged, failed, rows = counts
    assert (imported + unchanged, failed, rows) == (298, 2, 300)
    # What was written but not acknowledged when the kill came is sent again, and only that.
    # Four calls were under way, and the answer to one more was being written down.
    assert unchanged <= 5 * 16
    assert set(gateway.writes.values()) == {1}
    assert len(gateway.products) == 298
    resent = [product for batch in gateway.batches[before:] for product in batch]
    assert min(int(product[1:]) for product in resent) == checkpoint["rows"]
    letters = feed.with_name("feed.jsonl.dead-letter.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in letters] == ["p3", "p280"]


def test_the_count_stays_exact_over_many_kills(
    feed: Path, gateway: Script, start: Start, run: Run
) -> None:
    kills = 100 if os.environ.get("RECOMPOSE_TEST_LONG") else 4
    random_moment = random.Random(1)
    gateway.refused_ids = {"p3", "p150"}
    gateway.pause_s = 0.05
    for _ in range(kills):
        process = start(feed, "--batch-size", "1")
        answered = len(gateway.batches)
        while len(gateway.batches) == answered and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random_moment.random() * 0.1)
        process.kill()
        process.communicate(timeout=20)
    gateway.pause_s = 0.0
    result = run(feed)
    assert result.returncode == 0, result.stderr
    imported, unchanged, failed, rows = map(int, re.findall(r"\d+", last_line(result)))
    assert (imported + unchanged, failed, rows) == (298, 2, 300)
    assert set(gateway.writes.values()) == {1}
    letters = feed.with_name("feed.jsonl.dead-letter.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in letters] == ["p3", "p150"]


def test_dead_letters_behind_the_checkpoint_are_written_once(
    feed: Path, gateway: Script, run: Run
) -> None:
    gateway.refused_ids = {"p3"}
    run(feed)
    letters = feed.with_name("feed.jsonl.dead-letter.jsonl")
    whole = letters.read_bytes()
    letters.write_bytes(whole + b'{"row": 999')
    run(feed)
    assert letters.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1, "key": "x"}', b"\xff\xfe"])
def test_a_damaged_checkpoint_costs_only_time(
    feed: Path, gateway: Script, run: Run, content: bytes
) -> None:
    feed.with_name("feed.jsonl.checkpoint.json").write_bytes(content)
    result = run(feed, "--batch-size", "256")
    assert result.returncode == 0, result.stderr
    assert last_line(result) == "imported 300, unchanged 0, failed 0, of 300 rows"


def test_another_catalog_has_a_checkpoint_of_its_own(feed: Path, gateway: Script, run: Run) -> None:
    run(feed)
    result = run(feed, "--catalog", "other")
    assert last_line(result) == "imported 300, unchanged 0, failed 0, of 300 rows"


def test_the_own_files_may_lie_elsewhere(
    feed: Path, gateway: Script, run: Run, tmp_path: Path
) -> None:
    state = tmp_path / "state" / "deep"
    gateway.refused_ids = {"p3"}
    run(feed, "--state-dir", str(state))
    assert {path.name for path in state.iterdir()} == {
        "feed.jsonl.checkpoint.json",
        "feed.jsonl.checkpoint.json.lock",
        "feed.jsonl.dead-letter.jsonl",
    }
    assert not feed.with_name("feed.jsonl.checkpoint.json").exists()


def _wait_for(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_full_disk_ends_the_run_and_keeps_the_checkpoint(
    feed: Path, gateway: Script, run: Run
) -> None:
    """A bound on the size of files stands for the disk: dead letters no longer fit."""
    gateway.refused_ids = {f"p{number}" for number in range(100, 300)}
    options = ("--batch-size", "16", "--concurrency", "1", "--max-failures", "100%")
    checkpoint = feed.with_name("feed.jsonl.checkpoint.json")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, usual[1]))
    try:
        result = run(feed, *options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()
    kept = json.loads(checkpoint.read_text())["rows"]
    assert 100 <= kept < 300
    before = len(gateway.batches)

    result = run(feed, *options)

    assert result.returncode == 0, result.stderr
    assert last_line(result) == "imported 100, unchanged 0, failed 200, of 300 rows"
    resent = [product for batch in gateway.batches[before:] for product in batch]
    assert min(int(product[1:]) for product in resent) == kept
    letters = feed.with_name("feed.jsonl.dead-letter.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in letters] == [f"p{n}" for n in range(100, 300)]
