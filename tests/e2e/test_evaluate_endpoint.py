"""Serving changes nothing, measured by sprc.evaluate itself; and it leaves nothing behind."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from recompose.v1 import catalog_pb2
from tests.support.drawn_dataset import write_drawn_cirr, write_drawn_fashioniq
from tests.support.stack import ROOT, Stack

QUERIES = 20
PYTHON = ROOT / "training" / ".venv" / "bin" / "python"


@pytest.fixture(scope="module")
def fashioniq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One gallery is deeper than the service's ranking, 200."""
    root = tmp_path_factory.mktemp("fashioniq")
    write_drawn_fashioniq(root, {"dress": 230, "hat": 60}, QUERIES)
    return root


def command(stack: Stack, dataset: str, data: Path, output: Path, *more: str) -> list[str]:
    return [
        *(str(PYTHON), "-m", "sprc.evaluate", "--dataset", dataset, "--data-path", str(data)),
        *("--endpoint", f"127.0.0.1:{stack.grpc_port}", "--output", str(output)),
        *("--num-workers", "0", *more),
    ]


def evaluate(
    stack: Stack, dataset: str, data: Path, output: Path, *more: str
) -> tuple[dict[str, Any], str, str]:
    """The document, and what was said on stdout and stderr."""
    done = subprocess.run(
        command(stack, dataset, data, output, *more),
        cwd=ROOT / "training",
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    print(done.stdout)
    document: dict[str, Any] = json.loads(output.read_text())
    return document, done.stdout, done.stderr


def catalogs(stderr: str) -> set[str]:
    return set(re.findall(r"evaluation-[0-9a-f]{16}", stderr))


def columns(stdout: str, protocol: str) -> list[str]:
    """Whose figures the table of a protocol puts side by side."""
    found = re.search(rf"^{protocol}: .* queries over .*\n(.*)$", stdout, re.MULTILINE)
    assert found is not None, stdout
    return found.group(1).split()


def held(stack: Stack, catalog: str) -> int:
    request = catalog_pb2.ListProductsRequest(catalog=catalog, page_size=100)
    return len(stack.catalog.ListProducts(request).products)


def test_fashioniq_served_equals_offline(stack: Stack, fashioniq: Path, tmp_path: Path) -> None:
    document, stdout, stderr = evaluate(
        stack, "FashionIQ", fashioniq, tmp_path / "fiq.json", "--model-path", str(ROOT / "models")
    )
    assert document["endpoint"]["ranking_depth"] == 200
    for name in ("original-split", "val-split"):
        protocol = document["protocols"][name]
        assert columns(stdout, name) == ["composed", "served"]
        figures = protocol["figures"]
        assert figures["composed"].keys() == figures["served"].keys()
        found = protocol["agreement"]
        assert found["queries"] == 2 * QUERIES
        assert found["same_target_rank"] >= 0.9 * found["ranked_by_both"]
        # Float16 in the index swaps near-equal redrawn garments, never far.
        assert found["largest_rank_difference"] <= 2
        assert found["largest_difference_of_a_figure"] <= 100 / QUERIES
    original = document["protocols"]["original-split"]["figures"]["composed"]
    assert document["average_recall"] == original["average_recall"]
    assert original["dress_recall_at10"] < 100, "a data set where nothing can differ shows nothing"
    names = catalogs(stderr)
    assert len(names) == 2
    assert [held(stack, name) for name in names] == [0, 0]


def test_cirr_subsets_are_served_exactly(stack: Stack, tmp_path: Path) -> None:
    write_drawn_cirr(tmp_path / "cirr", QUERIES)
    document, stdout, stderr = evaluate(
        stack,
        "CIRR",
        tmp_path / "cirr",
        tmp_path / "out.json",
        "--model-path",
        str(ROOT / "models"),
    )
    assert columns(stdout, "cirr") == ["composed", "served"]
    protocol = document["protocols"]["cirr"]
    assert protocol["agreement"]["largest_rank_difference"] <= 2
    for cut in (1, 2, 3):
        composed, served = (
            protocol["figures"][source][f"group_recall_at{cut}"]
            for source in ("composed", "served")
        )
        assert abs(composed - served) <= 100 / QUERIES
    assert document["group_recall_at1"] < 100, "nothing can differ where all is found"
    assert document["source"] == "composed"
    assert [held(stack, name) for name in catalogs(stderr)] == [0]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_removes_its_catalog(
    stack: Stack, fashioniq: Path, tmp_path: Path, ending: signal.Signals
) -> None:
    errors = tmp_path / "stderr"
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            command(stack, "dress", fashioniq, tmp_path / "out.json"),
            cwd=ROOT / "training",
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
    end = time.monotonic() + 120
    # In the midst of the import: some products are in, others under way.
    while not re.search(r"import dress: +[1-9]", errors.read_text()) and process.poll() is None:
        assert time.monotonic() < end, errors.read_text()
        time.sleep(0.02)
    process.send_signal(ending)
    assert process.wait(120) == 130, errors.read_text()
    assert not (tmp_path / "out.json").exists()
    (name,) = catalogs(errors.read_text())
    assert held(stack, name) == 0
    assert "interrupted" in errors.read_text()
