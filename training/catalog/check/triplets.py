"""A sheet of random questions: reference, words, target."""

import textwrap
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from catalog.check.reading import DataSet, Question
from catalog.pictures.reading import READ_FORMATS

CELL: Final = 200
MARGIN: Final = 12
COLUMNS: Final = 2
WORDS: Final = 260
"""Pixels for the captions, between the pictures."""
LABEL: Final = 18
MOST: Final = 60
_INK: Final = "#222222"
_FAINT: Final = "#777777"
_LINE: Final = "#dddddd"
_PAPER: Final = "#ffffff"
_DAMAGED: Final = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def choose_triplets(
    data: DataSet, files: Mapping[str, Path], number: int, seed: int
) -> list[Question]:
    """Random questions whose target is known and whose pictures have files; the same each time."""
    whole = [q for q in data.questions if q.reference in files and (q.target or "") in files]
    return Random(seed).sample(whole, min(number, len(whole)))


def draw_triplets(questions: Sequence[Question], files: Mapping[str, Path]) -> bytes:
    """The sheet as PNG; a picture that cannot be read is said to be so."""
    wide = 2 * CELL + WORDS + 2 * MARGIN
    high = CELL + LABEL + MARGIN
    rows = -(-len(questions) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (wide + MARGIN), rows * (high + MARGIN) + MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, question in enumerate(questions):
        row, column = divmod(place, COLUMNS)
        left, top = column * (wide + MARGIN) + MARGIN, row * (high + MARGIN) + MARGIN
        right = left + CELL + WORDS + MARGIN
        _picture(sheet, draw, files[question.reference], (left, top))
        _words(draw, question.captions, (left + CELL + MARGIN, top))
        _picture(sheet, draw, files[question.target or ""], (right, top))
        where = f"reference · {question.category}, {question.split}, entry {question.position}"
        _text(draw, (left, top + CELL + 2), where, 12, _FAINT)
        _text(draw, (right, top + CELL + 2), "target", 12, _FAINT)
        draw.line((left, top + high, left + wide - MARGIN, top + high), fill=_LINE)
    content = BytesIO()
    sheet.save(content, format="PNG", optimize=True)
    return content.getvalue()


def _picture(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, path: Path, place: tuple[int, int]
) -> None:
    left, top = place
    try:
        with Image.open(path, formats=READ_FORMATS) as image:
            image.draft("RGB", (2 * CELL, 2 * CELL))
            small = ImageOps.contain(image.convert("RGB"), (CELL, CELL))
    except _DAMAGED:
        draw.rectangle((left, top, left + CELL, top + CELL), outline=_FAINT)
        _text(draw, (left + 8, top + 8), "cannot be read", 14, _FAINT)
        return
    sheet.paste(small, (left + (CELL - small.width) // 2, top + (CELL - small.height) // 2))


def _words(draw: ImageDraw.ImageDraw, captions: Sequence[str], place: tuple[int, int]) -> None:
    wrapped = [
        "\n".join(textwrap.wrap(caption, 30, max_lines=4, placeholder=" …")) for caption in captions
    ]
    left, top = place
    _text(draw, (left, top + 8), "\n\n".join(wrapped), 16, _INK)
    # An arrow to the target; the font has none.
    tip, middle = left + WORDS - 2 * MARGIN, top + CELL - 8
    draw.line((left, middle, tip, middle), fill=_FAINT, width=2)
    draw.polygon([(tip, middle - 5), (tip, middle + 5), (tip + 8, middle)], fill=_FAINT)


def _text(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, color: str
) -> None:
    draw.multiline_text(place, text, fill=color, font=ImageFont.load_default(size))
