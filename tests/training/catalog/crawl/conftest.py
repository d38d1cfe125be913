"""The test shop crawled once, and once more a day later; each by a process of its own."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.training.catalog.shop.crawler import arguments, crawl, write_profile
from tests.training.catalog.shop.server import Asked, Shop, listener, open_shop


@dataclass(frozen=True)
class Crawled:
    """A crawl that has ended."""

    shop: Shop
    folder: Path
    profile: Path
    log: list[Asked]
    said: str
    inside: list[str]
    """Connections to the server that nobody may reach."""

    def set_aside(self) -> list[dict[str, Any]]:
        """The rows of set-aside.jsonl."""
        lines = (self.folder / "set-aside.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def reason(self, path: str) -> str:
        """Why a page or a picture of the shop was left out."""
        address = self.shop.site.address + path
        rows = [
            row for row in self.set_aside() if address in (row.get("where"), row.get("picture"))
        ]
        assert len(rows) == 1, rows
        return str(rows[0]["reason"])


def crawled(shop: Shop, folder: Path, profile: Path, inside: list[str]) -> Crawled:
    """Crawl to the end."""
    shop.forget()
    ended = crawl(*arguments(shop, profile, folder))
    assert ended.returncode == 0, ended.stderr
    return Crawled(shop, folder, profile, shop.forget(), ended.stdout, inside)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    """The first crawl."""
    folder = tmp_path_factory.mktemp("first")
    with listener() as (port, reached), open_shop(f"http://localhost:{port}") as shop:
        profile = write_profile(folder, shop)
        yield crawled(shop, folder / "catalog", profile, reached)


@pytest.fixture(scope="session")
def second(first: Crawled, tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """The second, a day later, in a copy of the first one's folder, with several requests at once.

    It begins with many known pages, which all wait for one robots.txt.
    """
    folder = tmp_path_factory.mktemp("second") / "catalog"
    shutil.copytree(first.folder, folder)
    first.shop.site.a_day_later()
    profile = write_profile(folder.parent, first.shop, concurrency=4)
    return crawled(first.shop, folder, profile, first.inside)
