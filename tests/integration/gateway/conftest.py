"""What a gateway that nothing runs beside needs to start."""

from pathlib import Path

import pytest

from tests.support.tiny_bundle import write_tiny_bundle

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def bundle_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of small random weights, with the demo's tokenizer. Not to be changed."""
    folder = tmp_path_factory.mktemp("bundle")
    return write_tiny_bundle(folder, tokenizer=ROOT / "models" / "tokenizer.json")
