"""How an import ended, as a real Pushgateway keeps it where no node_exporter reads files."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.fake_gateway import Script
from tests.support.monitoring import running
from tests.support.triton import free_ports

from .conftest import Run, last_line

_LAST = "recompose_indexer_last"


@pytest.fixture(scope="module")
def pushgateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Pushgateway."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = ["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}"]
    log = tmp_path_factory.mktemp("pushgateway") / "log"
    with running(command, f"{url}/-/ready", log):
        yield url


def kept(url: str, feed: str) -> dict[str, float]:
    """What the Pushgateway has Prometheus scrape of a feed, by name (and outcome)."""
    found = {}
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
        for sample in family.samples:
            if sample.name.startswith("recompose") and sample.labels["feed"] == feed:
                assert sample.labels["job"] == "indexer"
                # Empty, so that a scrape with honor_labels adds no instance of the Pushgateway's.
                assert sample.labels["instance"] == ""
                outcome = sample.labels.get("outcome")
                found[f"{sample.name}:{outcome}" if outcome else sample.name] = sample.value
    return found


def test_a_good_import_then_a_bad_one_then_a_feed_that_is_none(
    feed: Path, gateway: Script, run: Run, tmp_path: Path, pushgateway: str
) -> None:
    options = ("--metrics-file", str(tmp_path / "import.prom"), "--push-metrics", pushgateway)
    assert run(feed, *options).returncode == 0
    good = kept(pushgateway, "feed.jsonl")
    assert good[f"{_LAST}_status"] == 0
    assert good[f"{_LAST}_rows:imported"] == 300

    gateway.refused_ids = {f"p{number}" for number in range(20)}
    assert run(feed, *options, "--again").returncode == 1
    bad = kept(pushgateway, "feed.jsonl")
    assert bad[f"{_LAST}_status"] == 1
    assert bad[f"{_LAST}_rows:failed"] == 20
    succeeded = f"{_LAST}_success_timestamp_seconds"
    assert bad[succeeded] == good[succeeded]

    feed.unlink()
    assert run(feed, *options).returncode == 2
    unusable = kept(pushgateway, "feed.jsonl")
    assert unusable[f"{_LAST}_status"] == 2
    assert unusable[succeeded] == good[succeeded]
    assert f"{_LAST}_rows:failed" not in unusable, "rows of another import are gone"


def test_feeds_are_kept_apart(
    feed: Path, gateway: Script, run: Run, tmp_path: Path, pushgateway: str
) -> None:
    other = feed.rename(feed.with_name("other.jsonl"))
    for path, status in ((tmp_path / "none.jsonl", 2), (other, 0)):
        told = str(tmp_path / f"{path.stem}.prom")
        result = run(path, "--metrics-file", told, "--push-metrics", pushgateway)
        assert result.returncode == status
    assert kept(pushgateway, "none.jsonl")[f"{_LAST}_status"] == 2
    assert kept(pushgateway, "other.jsonl")[f"{_LAST}_status"] == 0


def test_an_import_does_not_fail_for_the_pushgateways_sake(
    feed: Path, gateway: Script, run: Run, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    told = tmp_path / "import.prom"
    for url, sentence in (
        (f"http://127.0.0.1:{port}", "Connection refused."),
        (f"http://{gateway.address}", "what answers there does not speak HTTP."),
    ):
        result = run(feed, "--again", "--metrics-file", str(told), "--push-metrics", url)
        assert result.returncode == 0
        assert last_line(result).endswith("failed 0, of 300 rows")
        assert f"{url} does not take the metrics: {sentence}" in result.stderr
        assert f"{_LAST}_status" in told.read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--push-metrics", "http://127.0.0.1:1"], "--push-metrics needs --metrics-file"),
        (["--metrics-file", "x.prom", "--push-metrics", "pushgateway:9091"], "http://HOST:PORT is"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    options: list[str], sentence: str, feed: Path, run: Run
) -> None:
    result = run(feed, *options)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
