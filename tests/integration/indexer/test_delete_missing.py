"""Deleting what a full feed does not list: just that, and nothing where it is not certain."""

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recompose.v1 import catalog_pb2
from tests.support.fake_gateway import Script

from .conftest import Run, Start, last_line

OLD = [f"old-{number:03d}" for number in range(40)]


@pytest.fixture
def filled(gateway: Script) -> Script:
    """A catalog that has products which the feed does not list."""
    for product_id in OLD:
        gateway.products[product_id] = catalog_pb2.ImportProductsRequest()
        gateway.writes[product_id] = 1
    return gateway


def test_what_the_feed_does_not_list_goes_after_the_import(
    feed: Path, filled: Script, run: Run
) -> None:
    run(feed)
    assert len(filled.products) == 340
    result = run(feed, "--delete-missing")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "deleted 40 of 340 products, which the feed does not list",
        "imported 0, unchanged 300, failed 0, of 300 rows",
    ]
    assert sorted(filled.deleted) == OLD
    assert set(filled.products) == {f"p{number}" for number in range(300)}
    again = run(feed, "--delete-missing")
    assert again.stdout.splitlines()[0].startswith("deleted 0 of 300 ")


def test_to_show_changes_nothing(feed: Path, filled: Script, run: Run) -> None:
    result = run(feed, "--show-missing")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == OLD
    assert "does not list 40 of the catalog's 40 products" in result.stderr
    assert set(filled.products) == set(OLD)
    assert filled.calls == 0
    assert not feed.with_name("feed.jsonl.checkpoint.json").exists()


def test_ids_are_the_same_in_any_form_of_unicode(feed: Path, gateway: Script, run: Run) -> None:
    gateway.products["caf\u00e9"] = catalog_pb2.ImportProductsRequest()
    with feed.open("a") as file:
        file.write('{"id": "cafe\u0301", "title": "a", "image": "images/1.png"}\n')
    run(feed, "--delete-missing", "--delete-at-most", "100%")
    assert gateway.deleted == []


def test_more_than_allowed_is_refused_and_told(feed: Path, filled: Script, run: Run) -> None:
    result = run(feed, "--delete-missing", "--delete-at-most", "39")
    assert result.returncode == 1
    assert last_line(result) == "imported 300, unchanged 0, failed 0, of 300 rows"
    # The catalog as it was before the import: those 40 alone.
    assert "does not list 40 of the catalog's 40 products, more than" in result.stderr
    assert filled.deleted == []
    assert run(feed, "--delete-missing").returncode == 0
    assert sorted(filled.deleted) == OLD


def test_a_feed_that_lost_its_rows_deletes_nothing(feed: Path, filled: Script, run: Run) -> None:
    run(feed)
    whole = feed.read_text().splitlines(keepends=True)
    for rows in (0, 200):
        feed.write_text("".join(whole[:rows]))
        result = run(feed, "--delete-missing")
        assert result.returncode == (1 if rows else 2)
        assert ("Nothing was deleted" if rows else "has no rows") in result.stderr
        assert filled.deleted == []
    assert len(filled.products) == 340


def test_a_row_that_failed_is_listed_all_the_same(feed: Path, filled: Script, run: Run) -> None:
    run(feed)
    filled.refused_ids = {"p7"}
    lines = feed.read_text().splitlines()
    lines[3] = lines[3].replace("images/3.png", "images/none.png")
    feed.write_text("\n".join(lines))
    result = run(feed, "--delete-missing")
    assert last_line(result) == "imported 0, unchanged 298, failed 2, of 300 rows"
    assert sorted(filled.deleted) == OLD
    assert {"p3", "p7"} <= set(filled.products)


def test_a_row_without_a_readable_id_deletes_nothing(feed: Path, filled: Script, run: Run) -> None:
    lines = feed.read_text().splitlines()
    lines[3] = lines[3][:-1]
    feed.write_text("\n".join(lines))
    result = run(feed, "--delete-missing", "--delete-at-most", "100%")
    assert result.returncode == 1
    assert "1 row has no id that can be read" in result.stderr
    assert filled.deleted == []


def test_an_import_that_did_not_end_deletes_nothing(feed: Path, filled: Script, run: Run) -> None:
    filled.refused_ids = {f"p{number}" for number in range(50)}
    result = run(feed, "--delete-missing", "--delete-at-most", "100%")
    assert result.returncode == 1
    assert "of the rows failed" in result.stderr
    assert filled.deleted == []


def test_a_feed_that_changes_meanwhile_deletes_nothing(
    feed: Path, filled: Script, start: Start
) -> None:
    filled.pause_s = 0.2
    process = start(feed, "--delete-missing", "--delete-at-most", "100%", "--batch-size", "16")
    _until(lambda: bool(filled.batches))
    other = feed.with_name("other")
    other.write_text(feed.read_text().replace("product 299", "better 299"))
    # In place, so that the process, which has the file open, comes to read it.
    feed.write_bytes(other.read_bytes())
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "changed during the import" in err
    assert filled.deleted == []


def test_what_others_write_meanwhile_stays(feed: Path, filled: Script, start: Start) -> None:
    """One product is added, and one of those to go is written again, while the import runs."""
    filled.pause_s = 0.1
    options = "--delete-missing", "--delete-at-most", "100%", "--batch-size", "16"
    process = start(feed, *options)
    _until(lambda: bool(filled.batches))
    filled.products["added"] = catalog_pb2.ImportProductsRequest()
    filled.writes[OLD[3]] += 1
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith("deleted 39 of 40 products")
    assert {"added", OLD[3]} <= set(filled.products)


def test_a_killed_deletion_is_taken_up(feed: Path, filled: Script, start: Start, run: Run) -> None:
    moments = random.Random(3)
    run(feed)
    filled.pause_s = 0.2
    killed = 0
    while killed < 4 and len(filled.deleted) < len(OLD):
        process = start(feed, "--delete-missing")
        least = len(filled.deleted) + moments.randrange(1, 4)
        while len(filled.deleted) < least and process.poll() is None:
            time.sleep(0.01)
        time.sleep(moments.random() * 0.1)
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
    assert killed >= 2
    filled.pause_s = 0
    assert run(feed, "--delete-missing").returncode == 0
    assert sorted(filled.deleted) == OLD
    assert len(filled.products) == 300


def test_two_at_once_delete_each_product_once(
    feed: Path, filled: Script, start: Start, tmp_path: Path
) -> None:
    filled.pause_s = 0.05
    options = "--delete-missing", "--delete-at-most", "100%"
    both = [start(feed, *options, "--state-dir", str(tmp_path / name)) for name in ("a", "b")]
    told = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    counts = [int(out.split()[1]) for out, _ in told]
    assert sum(counts) == 40
    assert sorted(filled.deleted) == OLD


def test_two_with_one_checkpoint_are_kept_apart(feed: Path, gateway: Script, start: Start) -> None:
    gateway.pause_s = 0.2
    first = start(feed, "--batch-size", "16")
    _until(lambda: bool(gateway.batches))
    second = start(feed)
    _, err = second.communicate(timeout=20)
    assert second.returncode == 1
    assert "Another import uses" in err
    gateway.pause_s = 0
    out, _ = first.communicate(timeout=60)
    assert out.splitlines()[-1] == "imported 300, unchanged 0, failed 0, of 300 rows"
    checkpoint = json.loads(feed.with_name("feed.jsonl.checkpoint.json").read_text())
    assert checkpoint["rows"] == 300


def _until(met: Callable[[], bool], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < end
        time.sleep(0.01)
