"""Serving stands without training: what a search needs imports nothing of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICES = Path(__file__).resolve().parents[2] / "services"
TRAINING = {"torch", "sprc", "demo_data", "catalog", "lavis", "training"}
PACKAGES = ("gateway", "retrieval", "publisher", "indexer", "qdrant_edge_server", "recompose")


def imported(file: Path) -> Iterator[str]:
    """The top-level packages that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_service_imports_training(package: str) -> None:
    files = [*(SERVICES / package).rglob("*.py")]
    assert files
    assert {str(file) for file in files if TRAINING & {*imported(file)}} == set()
