"""The audit of a running gateway's index: by the command, and by itself after an import."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from retrieval.bundle import load_bundle
from retrieval.domain import Deadline, IndexedProduct
from retrieval.qdrant import QdrantIndex, connect
from tests.support import plain_http
from tests.support.index_cases import product, random_tokens
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory
from tests.support.tiny_bundle import write_tiny_bundle
from tests.support.triton import free_ports

ROOT = Path(__file__).resolve().parents[3]
START_S = 60
COUNT = 300
CHOICES = (200, 0)
"""The smallest depth, or the scan where that is faster: with so few products it may be either."""


@pytest.fixture
def bundle_dir(tmp_path: Path) -> Path:
    write_tiny_bundle(tmp_path / "bundle")
    tokenizer = (ROOT / "models" / "tokenizer.json").read_bytes()
    (tmp_path / "bundle" / "tokenizer.json").write_bytes(tokenizer)
    return tmp_path / "bundle"


@pytest.fixture
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest.fixture
def environment(server: QdrantProcess, bundle_dir: Path, tmp_path: Path) -> dict[str, str]:
    """Of a gateway that has an index, and nothing else that it needs."""
    http, grpc_port, triton = free_ports(3)
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "services"),
        "HTTP_PORT": str(http),
        "GRPC_PORT": str(grpc_port),
        "TRITON_URL": f"127.0.0.1:{triton}",
        "QDRANT_URL": server.url,
        "QDRANT_BUDGET_S": "5",
        "BUNDLE_DIR": str(bundle_dir),
        "DATA_DIR": str(tmp_path),
        "TUNING_REFRESH_S": "0.2",
        "AUDIT_SAMPLE": "10",
    }


@pytest_asyncio.fixture
async def index(server: QdrantProcess, bundle_dir: Path) -> AsyncIterator[QdrantIndex]:
    """The collection of the bundle, empty."""
    bundle = load_bundle(bundle_dir)
    index = QdrantIndex(
        connect(server.url),
        digest=bundle.digest,
        query_tokens=bundle.sizes.query_tokens,
        embed_dim=bundle.sizes.embed_dim,
        fields={},
    )
    await index.ensure_collection(Deadline.after(10))
    yield index
    await index.close()


async def fill(index: QdrantIndex, bundle_dir: Path) -> None:
    sizes = load_bundle(bundle_dir).sizes
    tokens = random_tokens(
        COUNT, seed=3, query_tokens=sizes.query_tokens, embed_dim=sizes.embed_dim
    )
    items = [IndexedProduct(product(n), tokens[n]) for n in range(COUNT)]
    await index.put(items, Deadline.after(60))


@contextmanager
def running(environment: dict[str, str]) -> Iterator[Callable[[str], float]]:
    """A gateway; gives a reader of its metrics."""
    process = subprocess.Popen([sys.executable, "-m", "gateway"], env=environment)

    def metric(name: str) -> float:
        text = plain_http.get(f"http://127.0.0.1:{environment['HTTP_PORT']}/metrics").text
        values = [line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(values[0])

    try:
        until(lambda: _answers(environment))
        yield metric
    finally:
        process.terminate()
        process.wait(20)


def _answers(environment: dict[str, str]) -> bool:
    try:
        return plain_http.get(f"http://127.0.0.1:{environment['HTTP_PORT']}/healthz").is_success
    except httpx.TransportError:
        return False


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + START_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def command(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "audit"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


async def test_the_command_audits_and_a_running_gateway_follows(
    index: QdrantIndex, environment: dict[str, str], bundle_dir: Path
) -> None:
    empty = command(environment)
    assert (empty.returncode, empty.stderr) == (0, "")
    assert "nothing to compare" in empty.stdout
    await fill(index, bundle_dir)
    with running(environment | {"AUDIT_QUIET_S": "3600"}) as metric:
        assert metric("recompose_index_prefetch_depth") == 1000
        done = command(environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("searches take ")
        assert "recall@50 " in done.stdout
        assert "(20 questions, 300 products)" in done.stdout
        until(lambda: metric("recompose_index_prefetch_depth") in CHOICES)
        assert metric("recompose_index_recall_at50") >= 0.99
        assert metric("recompose_index_audited_products") == COUNT
        assert 0 <= metric("recompose_index_audit_age_seconds") < START_S
    tuning = await index.audits.tuning(Deadline.after(5))
    assert tuning is not None
    assert tuning.products == COUNT


async def test_a_gateway_audits_by_itself_after_an_import(
    index: QdrantIndex, environment: dict[str, str], bundle_dir: Path
) -> None:
    with running(environment | {"AUDIT_QUIET_S": "0.5"}) as metric:
        await fill(index, bundle_dir)
        until(lambda: metric("recompose_index_audited_products") == COUNT)
        assert metric('recompose_index_audits_total{outcome="ok"}') == 1
        assert metric("recompose_index_prefetch_depth") in CHOICES


def test_without_an_index_the_command_says_so_in_one_sentence(
    environment: dict[str, str],
) -> None:
    (port,) = free_ports(1)
    failed = command(environment | {"QDRANT_URL": f"http://127.0.0.1:{port}"})
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("gateway: nothing was changed: ")
    assert len(failed.stderr.splitlines()) == 1
    bad = command(environment | {"AUDIT_SAMPLE": "many"})
    assert bad.returncode == 2
    assert bad.stderr.startswith("gateway: AUDIT_SAMPLE is not a valid setting")
