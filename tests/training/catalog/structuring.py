"""A small catalog as data sets, for the tests of `catalog structure`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from catalog.__main__ import main

SHARES = ("--val", "0.25", "--test", "0.2")


def structure(folder: Path, root: Path, *more: str) -> int:
    return main(["structure", str(folder), "--output", str(root), *more])


def load(root: Path, folder: str) -> Iterator[tuple[str, str, Any]]:
    for path in sorted((root / folder).iterdir()):
        _, category, split, _ = path.name.split(".")
        yield category, split, json.loads(path.read_text())


def snapshot(root: Path, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in without
    }
