"""Every query of deploy/monitoring, asked of a real Prometheus that scrapes the real stack."""

import itertools
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psutil
import pytest
import yaml

from recompose.v1 import search_pb2
from tests.support.monitoring import Question, ask, on_one_machine, questions, running
from tests.support.stack import ROOT, Stack
from tests.support.triton import free_ports

CATALOG: Final = "monitoring"
WITHIN_S: Final = 60
NO_GPU: Final = "the stack infers on processors"
NO_QDRANT: Final = "the stand-in for Qdrant has not Qdrant's metrics"
NO_KUBERNETES: Final = "volumes and Jobs are told of by Kubernetes alone"
NOT_HERE: Final = {
    "alert: GpuMemoryFull": NO_GPU,
    "models: GPU in use": NO_GPU,
    "models: Memory of the GPU": NO_GPU,
    "alert: QdrantReplicaDead": NO_QDRANT,
    "index: Qdrant: points": NO_QDRANT,
    "index: Qdrant: calls": NO_QDRANT,
    "index: Qdrant: memory and optimisations": NO_QDRANT,
    "index: Volumes": NO_KUBERNETES,
    "rule: recompose:job_failed_start_seconds": NO_KUBERNETES,
    "rule: recompose:job_succeeded_start_seconds": NO_KUBERNETES,
    "alert: JobEndedBadly": NO_KUBERNETES,
}
"""What cannot have data here, and why; the names are those of the parts' published lists."""
_BEFORE_THE_FIRST_AUDIT: Final = ("_recall_at50", "_audit_age_seconds", "_audited_products")
"""Gauges that are NaN until the stack has audited its index by itself, after a minute of rest."""


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus that scrapes the stack and two real exporters every second."""
    folder = tmp_path_factory.mktemp("prometheus")
    own, redis, node = (f"127.0.0.1:{port}" for port in free_ports(3))
    config = on_one_machine(
        {
            "prometheus": own,
            "gateway": f"127.0.0.1:{stack.http_port}",
            "triton": _triton_metrics(stack),
            "redis": redis,
            "node": node,
        },
        "1s",
    )
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    with ExitStack() as programs:
        for command, url in (
            (
                [
                    "prometheus-redis-exporter",
                    *("-redis.addr", _redis_url(stack)),
                    *("-web.listen-address", redis),
                ],
                f"http://{redis}/metrics",
            ),
            (
                [
                    "prometheus-node-exporter",
                    f"--collector.textfile.directory={folder}",
                    f"--web.listen-address={node}",
                ],
                f"http://{node}/metrics",
            ),
            (
                [
                    "prometheus",
                    f"--config.file={folder / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={own}",
                ],
                f"http://{own}/-/ready",
            ),
        ):
            log = folder / f"{Path(command[0]).name}.log"
            programs.enter_context(running(command, url, log))
        _import_three_products(stack, f"http://{own}", folder)
        yield f"http://{own}"


def _triton_metrics(stack: Stack) -> str:
    """HOST:PORT of Triton's metrics."""
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        for word in process.cmdline():
            if word.startswith("--metrics-port="):
                return f"127.0.0.1:{word.partition('=')[2]}"
    raise AssertionError("the stack runs no Triton")


def _redis_url(stack: Stack) -> str:
    """As the gateway was told; Redis itself hides its options."""
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        if process.cmdline()[-2:] == ["-m", "gateway"]:
            return str(process.environ()["REDIS_URL"])
    raise AssertionError("the stack runs no gateway")


def _import_three_products(stack: Stack, prometheus: str, folder: Path) -> None:
    """Imports into a catalog of their own, one row refused, that leave a metrics file.

    Twice: what is counted for the first time has no rate before it is counted again.
    """
    pictures = sorted((stack.data_dir / "demo-catalog" / "images").iterdir())[:3]
    rows = [{"id": f"m{at}", "title": "x", "image": str(one)} for at, one in enumerate(pictures)]
    rows.append({"id": "m9", "title": "x", "image": str(folder / "prometheus.yaml")})
    feed = folder / "feed.jsonl"
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for scraped in ("recompose_ready", 'recompose_requests_total{method="ImportProducts"}'):
        end = time.monotonic() + WITHIN_S
        while not ask(prometheus, scraped) and time.monotonic() < end:
            time.sleep(0.2)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "indexer", "import", str(feed), "--again"),
                *("--server", f"127.0.0.1:{stack.grpc_port}", "--catalog", CATALOG),
                *("--max-failures", "1", "--metrics-file", str(folder / "import.prom")),
            ],
            cwd=ROOT / "services",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def _search(stack: Stack, words: str) -> None:
    """The same search by both edges; the second finds its embeddings in the cache."""
    product = "demo-00007"
    answer = stack.rest.post(
        "/v1/products:search",
        json={"reference": {"product_id": product}, "modification": words, "page_size": 3},
    )
    assert answer.status_code == 200
    stack.search.Search(
        search_pb2.SearchRequest(
            reference=search_pb2.Reference(product_id=product), modification=words, page_size=3
        ),
        timeout=8,
    )


def _has_data(prometheus: str, question: Question) -> bool:
    found = [float(one["value"][1]) for one in ask(prometheus, question.query)]
    if any(name in question.query for name in _BEFORE_THE_FIRST_AUDIT):
        return bool(found)
    return any(not math.isnan(value) for value in found)


def test_every_query_has_data(stack: Stack, prometheus: str) -> None:
    """Ask all queries while searches go on, until each has had an answer."""
    unanswered = [one for one in questions() if one.asker not in NOT_HERE]
    assert len(unanswered) > 80
    end = time.monotonic() + WITHIN_S
    for turn in itertools.count():
        for number in range(3):
            _search(stack, f"in blue, number {turn} of {number}")
        unanswered = [one for one in unanswered if not _has_data(prometheus, one)]
        if not unanswered or time.monotonic() > end:
            break
    assert not unanswered, "\n".join(f"{one.asker}\n  {one.query}" for one in unanswered)


def test_what_is_excused_has_no_data_and_is_asked_for(prometheus: str) -> None:
    excused = [one for one in questions() if one.asker in NOT_HERE]
    assert {one.asker for one in excused} == set(NOT_HERE)
    for one in excused:
        if one.asker != "index: Qdrant: memory and optimisations":
            assert not _has_data(prometheus, one), one.asker


def test_a_query_of_nothing_is_noticed(prometheus: str) -> None:
    assert not _has_data(prometheus, Question("a typing error", "sum(rate(recompose_request[1m]))"))


def test_figures_are_those_of_the_stack(stack: Stack, prometheus: str) -> None:
    """The metrics say what the stack does: its model, its alias, its products, this import."""
    health = stack.rest.get("/readyz")
    assert health.status_code == 200
    expected = {
        "recompose_model_matches_index": 1.0,
        "recompose_ready": 1.0,
        "recompose_indexer_last_status": 0.0,
        'recompose_indexer_last_rows{outcome="failed"}': 1.0,
        'count(up{job=~"gateway|triton|redis|node"} == 1)': 4.0,
    }
    for query, value in expected.items():
        assert [float(one["value"][1]) for one in ask(prometheus, query)] == [value], query
    (limit,) = ask(prometheus, "recompose_requests_in_flight_limit")
    assert 1 <= float(limit["value"][1]) <= 128  # learned; MAX_IN_FLIGHT is the ceiling
    ages = ask(prometheus, "recompose:index_age_seconds")
    assert 0 <= float(ages[0]["value"][1]) < 600


def test_nothing_pages_while_all_is_well(prometheus: str) -> None:
    for one in ask(prometheus, 'ALERTS{alertstate="firing", severity="page"}'):
        # Two cores that run other tests too may be slow; nothing else may be wrong.
        assert one["metric"]["alertname"].startswith("SearchLatency"), one["metric"]


@pytest.fixture(scope="module", autouse=True)
def _leave_nothing(stack: Stack) -> Iterator[None]:
    yield
    for at in range(3):
        stack.rest.delete(f"/v1/products/m{at}", params={"catalog": CATALOG})
