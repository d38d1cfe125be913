"""A small catalog, and its data set."""

import shutil
from pathlib import Path

import pytest

from tests.training.catalog.small_catalog import make_products, write_catalog
from tests.training.catalog.structuring import SHARES, structure


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty products of two categories."""
    folder = tmp_path_factory.mktemp("catalog")
    write_catalog(folder, make_products(folder, range(60)))
    return folder


@pytest.fixture(scope="module")
def dataset(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its data set."""
    root = tmp_path_factory.mktemp("data") / "set"
    assert structure(catalog, root, *SHARES) == 0
    return root


@pytest.fixture
def own(catalog: Path, tmp_path: Path) -> Path:
    """A copy of the catalog that a test may change."""
    return Path(shutil.copytree(catalog, tmp_path / "own"))
