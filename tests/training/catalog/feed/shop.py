"""A folder with a feed and drawn pictures, and runs over it in this process or another."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.feed.gather import gather_feed
from catalog.products import Product, read_products
from tests.training.catalog.pictures.drawn import drawn, encoded

ROOT = Path(__file__).parents[4]
_RUN = """
import sys
from pathlib import Path
from catalog.errors import CatalogError
from catalog.feed.gather import gather_feed
try:
    gather_feed(*map(Path, sys.argv[1:]))
except CatalogError as error:
    sys.exit(str(error))
"""


@dataclass(frozen=True)
class Shop:
    """Where all lies."""

    feed: Path
    images: Path
    output: Path

    def picture(self, name: str, number: int, size: tuple[int, int] = (120, 160)) -> None:
        """Draw one into the folder."""
        path = self.images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(drawn(number, size)))

    def write(self, *lines: str) -> None:
        """The feed, below its header."""
        self.feed.write_text("\n".join(lines) + "\n")

    def gather(self) -> None:
        """In this process."""
        gather_feed(self.feed, self.images, self.output)

    def start(self, **options: Any) -> "subprocess.Popen[str]":
        """In another process."""
        path = f"{ROOT / 'services'}{os.pathsep}{ROOT / 'training'}"
        return subprocess.Popen(
            [sys.executable, "-c", _RUN, self.feed, self.images, self.output],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def products(self) -> tuple[Product, ...]:
        """The list written."""
        return read_products(self.output)

    def set_aside(self) -> list[dict[str, str]]:
        """The other list written."""
        lines = (self.output / "set-aside.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def reasons(self) -> list[tuple[str, str]]:
        """Ids and reasons of it."""
        return [(row.get("id", ""), row["reason"]) for row in self.set_aside()]

    def journal(self) -> int:
        """How many files a run has noted as read."""
        path = self.output / "feed" / "pictures.jsonl"
        return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0

    def files(self) -> list[str]:
        """What lies in the store."""
        return sorted(
            str(path.relative_to(self.output))
            for path in (self.output / "images").rglob("*")
            if path.is_file()
        )
