"""An invented shop's folder, and ways to run ``catalog caption`` on it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from catalog.__main__ import main
from catalog.products import Product, write_products
from tests.training.catalog.caption.chat_server import KEY

ROOT = Path(__file__).parents[4]
COLORS = ("black", "red", "green")


def make_shop(folder: Path, colors: Sequence[str] = COLORS) -> Path:
    """A coat of each color, one of them also worn."""
    products = []
    for number, color in enumerate(colors):
        product = f"coat-{number}"
        images = (_draw(folder, f"{product}.jpg", color, number),)
        worn = (_draw(folder, f"{product}-worn.png", color, number + 50),) if number == 0 else ()
        products.append(
            Product(
                product,
                brand="Ulvsund",
                category="coat",
                color=color,
                images=images,
                snapshots=worn,
            )
        )
    write_products(folder, products)
    return folder


def _draw(folder: Path, name: str, color: str, number: int) -> str:
    picture = Image.new("RGB", (300, 900), "gray")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 100 + 7 * number, 240, 700 + 3 * number), color)
    draw.line((0, 11 * number, 300, 800), "pink", 9)
    path = folder / "images" / "aa" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return str(path.relative_to(folder))


def caption(folder: Path, url: str, *options: str) -> int:
    """Run the command here."""
    return main(["caption", str(folder), "--captioner", "openai", "--base-url", url, *options])


def start(folder: Path, url: str, *options: str) -> "subprocess.Popen[str]":
    """Start the command in a process of its own, with the SDK's own log on."""
    paths = (ROOT, ROOT / "services", ROOT / "training")
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "catalog", "caption", str(folder)),
            *("--captioner", "openai", "--base-url", url, *options),
        ],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "OPENAI_API_KEY": KEY,
            "OPENAI_LOG": "debug",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(path: Path) -> list[dict[str, Any]]:
    """A file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed since the last time, errors too."""
    captured = capsys.readouterr()
    return captured.out + captured.err
