"""How an import ended, as node_exporter reads it."""

import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.fake_gateway import Script

from .conftest import Run, last_line

_LAST = "recompose_indexer_last"


def read(path: Path) -> dict[str, float]:
    """Values by name, and by name and outcome; all of the catalog ``default``."""
    found = {}
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            assert sample.labels["catalog"] == "default"
            outcome = sample.labels.get("outcome")
            found[f"{sample.name}:{outcome}" if outcome else sample.name] = sample.value
    return found


def test_a_good_import_then_a_bad_one(
    feed: Path, gateway: Script, run: Run, tmp_path: Path
) -> None:
    told = tmp_path / "import.prom"
    began_s = time.time()
    assert run(feed, "--metrics-file", str(told)).returncode == 0
    good = read(told)
    succeeded_at_s = good[f"{_LAST}_success_timestamp_seconds"]
    assert began_s <= succeeded_at_s <= time.time()
    assert good[f"{_LAST}_run_timestamp_seconds"] == succeeded_at_s
    assert good[f"{_LAST}_status"] == 0
    assert good[f"{_LAST}_rows:imported"] == 300
    assert good[f"{_LAST}_rows:failed"] == 0

    gateway.refused_ids = {f"p{number}" for number in range(20)}
    assert run(feed, "--metrics-file", str(told), "--again").returncode == 1
    bad = read(told)
    assert bad[f"{_LAST}_status"] == 1
    assert bad[f"{_LAST}_rows:failed"] == 20
    assert bad[f"{_LAST}_success_timestamp_seconds"] == succeeded_at_s
    assert bad[f"{_LAST}_run_timestamp_seconds"] > succeeded_at_s


def test_an_unusable_feed_is_told_of(run: Run, tmp_path: Path) -> None:
    feed, told = tmp_path / "feed.csv", tmp_path / "import.prom"
    feed.write_text("name,price\nno id,3\n")
    assert run(feed, "--metrics-file", str(told)).returncode == 2
    found = read(told)
    assert found[f"{_LAST}_status"] == 2
    assert f"{_LAST}_rows:imported" not in found


def test_an_import_does_not_fail_for_the_files_sake(
    feed: Path, gateway: Script, run: Run, tmp_path: Path
) -> None:
    result = run(feed, "--metrics-file", str(tmp_path / "nowhere" / "import.prom"))
    assert result.returncode == 0
    assert last_line(result) == "imported 300, unchanged 0, failed 0, of 300 rows"
    assert "import.prom cannot be written: No such file or directory." in result.stderr
