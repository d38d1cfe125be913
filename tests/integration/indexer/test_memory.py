"""What an import holds in memory does not grow with the feed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recompose.v1 import catalog_pb2
from tests.support.fake_gateway import Script

SERVICES = Path(__file__).parents[3] / "services"
SMALL, LARGE = 2_000, 40_000
MOST_GROWTH_KIB = 8 * 1024
"""38,000 more rows are 12 MiB as bytes and four times that as objects; an allocator's own habits
are some MiB."""


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_twenty_times_the_rows_need_no_more_memory(
    gateway: Script, tmp_path: Path, kind: str
) -> None:
    """With the ids of the feed and of the catalog compared as well."""
    peaks = [peak_kib(gateway, tmp_path, kind, rows) for rows in (SMALL, LARGE)]
    assert peaks[1] - peaks[0] < MOST_GROWTH_KIB


def peak_kib(gateway: Script, folder: Path, kind: str, rows: int) -> int:
    """The greatest resident size of an import's process, in KiB."""
    gateway.products = {
        f"old-{number:06d}": catalog_pb2.ImportProductsRequest() for number in range(rows // 4)
    }
    feed = folder / f"{rows}.{kind}"
    note = "a few words about it " * 10
    with feed.open("w") as file:
        if kind == "csv":
            file.write("id,title,image,price,note\n")
        for number in range(rows):
            row = [f"p{number}", f"product {number}", "https://shop.example/a.jpg", number, note]
            if kind == "csv":
                file.write(",".join(map(str, row)) + "\n")
            else:
                names = ("id", "title", "image", "price", "note")
                file.write(json.dumps(dict(zip(names, row, strict=True))) + "\n")
    command = [
        *(sys.executable, "-m", "indexer", "import", str(feed), "--server", gateway.address),
        *("--batch-size", "256", "--delete-missing", "--delete-at-most", "0"),
    ]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(SERVICES)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    # Not by wait4: its figure begins with the size of the process that started this one.
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1])
        time.sleep(0.02)
    assert process.returncode == 1  # imported, and refused to delete a quarter of it
    assert len(gateway.products) == rows + rows // 4
    return peak
