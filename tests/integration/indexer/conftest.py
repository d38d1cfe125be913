"""A running fake gateway, a feed to import, and the real ``python -m indexer``."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support.fake_gateway import Script, fake_gateway

_SERVICES = Path(__file__).parents[3] / "services"

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def gateway() -> Iterator[Script]:
    """A fake gateway of the test's own."""
    with fake_gateway() as script:
        yield script


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """A JSON Lines feed of 300 products, each with a picture of its own."""
    (tmp_path / "images").mkdir()
    lines = []
    for number in range(300):
        picture = io.BytesIO()
        Image.new("RGB", (16, 16), (number % 256, number // 256, 7)).save(picture, "PNG")
        (tmp_path / "images" / f"{number}.png").write_bytes(picture.getvalue())
        row = {"id": f"p{number}", "title": f"product {number}", "image": f"images/{number}.png"}
        lines.append(json.dumps({**row, "price": number + 0.5, "color": "red", "note": None}))
    path = tmp_path / "feed.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def start(gateway: Script) -> Start:
    """Start the indexer as a user does; the caller waits for it."""

    def start_indexer(feed: Path, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "indexer", "import", str(feed)),
                *("--server", gateway.address, *options),
            ],
            env={**os.environ, "PYTHONPATH": str(_SERVICES)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start_indexer


@pytest.fixture
def run(start: Start) -> Run:
    """Run the indexer to its end."""

    def run_indexer(feed: Path, *options: str) -> subprocess.CompletedProcess[str]:
        process = start(feed, *options)
        try:
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run_indexer


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    """The count that a run ends with."""
    return result.stdout.splitlines()[-1]
