"""sprc.query: one question over a folder, with the committed demo model."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo_catalog.draw import draw
from demo_catalog.garments import Garment
from sprc.query import main

MODELS = Path(__file__).parents[2] / "models"
COLORS = ("red", "blue", "black", "yellow")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """T-shirts and dresses in four colours, the dresses in a folder below, as .webp."""
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "dresses").mkdir()
    rng = np.random.default_rng(8)
    for color in COLORS:
        draw(Garment("t-shirt", color, sleeve="short"), rng).save(folder / f"{color}.png")
        dress = draw(Garment("dress", color, sleeve="none", length="knee"), rng)
        dress.save(folder / "dresses" / f"{color}.webp", lossless=True)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def ask(gallery: Path, output: Path, *more: str, model: Path = MODELS) -> int:
    return main(
        [
            *("--model-path", str(model), "--gallery", str(gallery), "--output", str(output)),
            *("--device", "cpu", *more),
        ]
    )


def ranked(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["picture", "rank", "score"]
    rows = [line.split() for line in lines[1:-1]]
    assert [int(row[1]) for row in rows] == list(range(1, len(rows) + 1))
    scores = [float(row[2]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    return [row[0] for row in rows]


@pytest.mark.parametrize("model", [MODELS, MODELS / "checkpoint.pt"], ids=["bundle", "checkpoint"])
def test_composed_query_ranks_and_draws(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: Path
) -> None:
    reference = gallery / "red.png"
    more = ("--reference", str(reference), "--text", "the same in black")
    assert ask(gallery, tmp_path / "sheet.png", *more, model=model) == 0
    names = ranked(capsys)
    assert names[0] == "black.png"
    assert len(names) == 7, "all but the reference itself"
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"
        # The reference's own red stands in the sheet, above the results.
        top = np.asarray(sheet.convert("RGB"))[:190, :190].astype(int)
    assert ((top[..., 0] - top[..., 1:].max(-1)) > 60).any()


def test_words_alone_and_a_picture_alone(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(gallery, tmp_path / "a.png", "--text", "a blue dress", "--top", "2") == 0
    assert ranked(capsys)[0] == "dresses/blue.webp"
    other = tmp_path / "other.png"
    draw(Garment("dress", "yellow", sleeve="none", length="knee"), np.random.default_rng(1)).save(
        other
    )
    assert ask(gallery, tmp_path / "b.png", "--reference", str(other)) == 0
    names = ranked(capsys)
    assert names[0] == "dresses/yellow.webp"
    assert len(names) == 8


def test_broken_pictures_stop_or_are_named(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gallery"
    shutil.copytree(gallery, folder)
    broken = folder / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no picture")
    assert ask(folder, tmp_path / "a.png", "--text", "red") == 1
    assert f"sprc.query: {broken} cannot be used as a picture" in capsys.readouterr().err
    assert ask(folder, tmp_path / "a.png", "--text", "red", "--skip-broken") == 0
    captured = capsys.readouterr()
    assert f"left out: {broken}" in captured.err
    assert captured.out.splitlines()[-1].endswith("the first 8 of 8")


def test_user_errors_end_in_one_sentence(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    sheet = tmp_path / "sheet.png"
    for folder, more, sentence in (
        (gallery, [], "give --reference, --text, or both"),
        (gallery, ["--text", "  "], "give --reference, --text, or both"),
        (empty, ["--text", "red"], "holds no picture"),
        (tmp_path / "nowhere", ["--text", "red"], "is not a folder"),
        (gallery, ["--reference", str(tmp_path / "no.png")], "cannot be read"),
        (gallery, ["--reference", str(gallery / "notes.txt")], "cannot be used as a picture"),
    ):
        assert ask(folder, sheet, *more) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith("sprc.query: "), said
        assert sentence in said, said
    assert not sheet.exists()
