"""A shop in a temporary folder."""

from pathlib import Path

import pytest

from tests.training.catalog.feed.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    (tmp_path / "photos").mkdir()
    return Shop(tmp_path / "feed.csv", tmp_path / "photos", tmp_path / "out")
