"""Feeds with drawn pictures, imported by the command that shops use."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from tests.benchmarks.harness.section import ROOT
from tests.benchmarks.preprocessing_parts.drawn import as_file, drawn
from tests.support.stack import Stack

CATALOG: Final = "bench-imports"


@dataclass(frozen=True, slots=True)
class Run:
    seconds: float
    indexer_bytes: int
    gateway_bytes: int


class Feed:
    """JSON Lines beside pictures; each picture is another.

    Attributes:
        file: the feed itself.
    """

    def __init__(self, folder: Path, count: int, megapixels: float, seed: int) -> None:
        folder.mkdir()
        self.file = folder / "products.jsonl"
        ids = [f"b-{seed}-{number}" for number in range(count)]
        # Sixteen drawn pictures, each time with another corner: other bytes, other pixels.
        bases = [drawn(megapixels, seed=100 * seed + number) for number in range(min(16, count))]
        with self.file.open("w") as lines:
            for number, product in enumerate(ids):
                picture = bases[number % 16].copy()
                mark = number.to_bytes(3, "big")
                picture.paste((mark[0], mark[1], mark[2]), (0, 0, 32, 32))
                (folder / f"{product}.jpg").write_bytes(as_file(picture, "JPEG"))
                row = {"id": product, "title": f"Lamp {number}", "image": f"{product}.jpg"}
                lines.write(json.dumps(row) + "\n")

    def imported(self, stack: Stack, *options: str, watched: int | None = None) -> Run:
        """Import it. Raises RuntimeError where the import did not end well."""
        started = time.perf_counter()
        command = [sys.executable, "-m", "indexer", "import", str(self.file), *options]
        process = subprocess.Popen(
            [*command, "--server", f"127.0.0.1:{stack.grpc_port}", "--catalog", CATALOG],
            env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        indexer, gateway = 0, 0
        for resident in _resident(process, watched):
            indexer, gateway = max(indexer, resident[0]), max(gateway, resident[1])
        said = process.communicate()[0].decode()
        if process.returncode != 0:
            raise RuntimeError(f"the import ended with {process.returncode}: {said[-500:]}")
        return Run(time.perf_counter() - started, indexer, gateway)


def _resident(process: subprocess.Popen[bytes], gateway: int | None) -> Iterator[tuple[int, int]]:
    """Resident bytes of importer and gateway, until the importer has ended."""
    own, other = psutil.Process(process.pid), psutil.Process(gateway) if gateway else None
    while process.poll() is None:
        try:
            yield own.memory_info().rss, other.memory_info().rss if other else 0
            process.wait(0.2 if other else 0.02)
        except (subprocess.TimeoutExpired, psutil.NoSuchProcess):
            continue
