"""A server, a shop and a key for every test of the openai captioner."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.catalog.caption.chat_server import KEY, ChatServer, serving
from tests.training.catalog.caption.shop import make_shop


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """Behaves well until told otherwise."""
    with serving() as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three coats, the key in the environment, and short waits after failures."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr("catalog.caption.pace._FIRST_BACKOFF_S", 0.01)
    return make_shop(tmp_path / "shop")
