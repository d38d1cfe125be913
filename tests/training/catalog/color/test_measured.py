"""Measured colours are kept, and taken where a shop names none."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest
from PIL import Image

from catalog.color import measured
from catalog.color.measure import MEASURE_VERSION
from catalog.color.measured import COLORS, read_colors, with_measured_colors
from catalog.products import Product

RGB = {"red": (200, 20, 30), "blue": (40, 90, 210), "black": (15, 15, 17)}


def save(folder: Path, name: str) -> None:
    picture = Image.new("RGB", (90, 90), (245, 245, 245))
    picture.paste(RGB[name], (20, 20, 70, 70))
    picture.save(folder / f"{name}.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in RGB:
        save(tmp_path, name)
    return tmp_path


def test_where_the_shop_names_no_colour_the_picture_does(folder: Path) -> None:
    products = (
        Product(id="none", images=("red.png", "blue.png")),
        Product(id="unreadable", color="오트밀크", snapshots=("blue.png",)),
        Product(id="named", color="네이비", images=("red.png",)),
        Product(id="one on offer", colors=("Camel",), images=("red.png",)),
        Product(id="several on offer", colors=("red", "black"), images=("black.png",)),
        Product(id="no picture"),
        Product(id="lost", images=("lost.png",)),
    )
    found = with_measured_colors(folder, products)
    assert [product.color for product in found] == ["red", "blue", "네이비", "", "black", "", ""]
    assert [product.id for product in found] == [product.id for product in products]
    assert found[2] is products[2]


def kept(colors: dict[str, object]) -> str:
    """The file of this version."""
    return json.dumps({"version": MEASURE_VERSION, "colors": colors})


def test_an_unsure_colour_is_not_told(folder: Path) -> None:
    (folder / COLORS).write_text(kept({"red.png": ["red", 0.39]}))
    product = Product(id="a", images=("red.png",))
    assert with_measured_colors(folder, [product]) == (product,)


def test_a_picture_is_measured_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_colors(folder, ["red.png", "blue.png", "red.png"])
    assert {name: color.name for name, color in first.items()} == {
        "red.png": "red",
        "blue.png": "blue",
    }
    asked = []
    measure_file = measured._measure_file
    monkeypatch.setattr(
        measured, "_measure_file", lambda path: asked.append(path.name) or measure_file(path)
    )
    assert read_colors(folder, ["blue.png"]) == {"blue.png": first["blue.png"]}
    read_colors(folder, ["black.png", "red.png"])
    assert asked == ["black.png"]
    assert set(json.loads((folder / COLORS).read_text())["colors"]) == {
        "red.png", "blue.png", "black.png",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"version": 0, "colors": {"red.png": ["blue", 1]}}',
        kept({"red.png": ["blau", 1]}),
        kept({"red.png": 3}),
    ],
)
def test_what_cannot_be_used_is_measured_anew(folder: Path, content: str) -> None:
    (folder / COLORS).write_text(content)
    assert read_colors(folder, ["red.png"])["red.png"].name == "red"


def test_a_broken_picture_has_no_colour_and_is_tried_again(folder: Path) -> None:
    (folder / "broken.png").write_bytes((folder / "red.png").read_bytes()[:60])
    assert set(read_colors(folder, ["broken.png", "red.png"])) == {"red.png"}
    save(folder, "blue")
    (folder / "blue.png").replace(folder / "broken.png")
    assert read_colors(folder, ["broken.png"])["broken.png"].name == "blue"


PROGRAM = """
import sys
from pathlib import Path
from catalog.color import measured
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    measured._KEEP_EVERY_S = 0
    measured.read_colors(folder, [f"{n}.png" for n in range(300)])
"""
PICTURES = 300
ROOT = Path(__file__).resolve().parents[4]
TRAINING, SERVICES = ROOT / "training", ROOT / "services"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_what_was_measured_is_kept(tmp_path: Path, end: signal.Signals) -> None:
    picture = Image.new("RGB", (20, 20), (245, 245, 245))
    for number in range(PICTURES):
        picture.putpixel((number % 20, number // 20 % 20), RGB["red"])
        picture.resize((200, 200)).save(tmp_path / f"{number}.png")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TRAINING, SERVICES)))}
    command = [sys.executable, program, tmp_path]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=env) as process:
        wait_until(lambda: (tmp_path / COLORS).exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1]
        workers = children(process.pid)
        process.send_signal(end)
        process.communicate(timeout=120)
    assert process.returncode != 0
    kept = json.loads((tmp_path / COLORS).read_text())["colors"]
    assert 0 < len(kept) < PICTURES
    assert workers
    wait_until(lambda: not any(map(runs, workers)))


def wait_until(done: Callable[[], bool]) -> None:
    deadline = monotonic() + 120
    while not done():
        assert monotonic() < deadline
        sleep(0.05)


def children(process: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def runs(process: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
