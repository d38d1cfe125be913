"""One picture of an answer: the question above, the first results below."""

import textwrap
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from sprc.evaluation.folder import Ranked, read_upright

CELL: Final = 180
LABEL: Final = 34
MARGIN: Final = 10
COLUMNS: Final = 5
_INK: Final = "#222222"
_PAPER: Final = "#ffffff"


def draw_contact_sheet(reference: Path | None, text: str, results: Sequence[Ranked]) -> bytes:
    """A PNG; results in reading order with rank, score and file name. Raises `PictureError`."""
    rows = -(-len(results) // COLUMNS)
    width = COLUMNS * (CELL + MARGIN) + MARGIN
    height = (rows + 1) * (CELL + LABEL + MARGIN) + MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    left = MARGIN
    if reference is not None:
        _place(sheet, reference, left, MARGIN)
        _caption(draw, left, MARGIN + CELL, ["reference", reference.name])
        left += CELL + MARGIN
    if text:
        font = ImageFont.load_default(22)
        wrapped = textwrap.wrap(f"“{text}”", (width - left) // 13)[:6]
        draw.multiline_text((left, MARGIN + 8), "\n".join(wrapped), fill=_INK, font=font)
    for place, result in enumerate(results):
        row, column = divmod(place, COLUMNS)
        left = MARGIN + column * (CELL + MARGIN)
        top = MARGIN + (row + 1) * (CELL + LABEL + MARGIN)
        _place(sheet, result.path, left, top)
        _caption(draw, left, top + CELL, [f"{place + 1} · {result.score:.4f}", result.path.name])
    content = BytesIO()
    sheet.save(content, format="PNG")
    return content.getvalue()


def _place(sheet: Image.Image, path: Path, left: int, top: int) -> None:
    small = ImageOps.contain(read_upright(path), (CELL, CELL))
    sheet.paste(small, (left + (CELL - small.width) // 2, top + (CELL - small.height) // 2))


def _caption(draw: ImageDraw.ImageDraw, left: int, top: int, lines: Sequence[str]) -> None:
    font = ImageFont.load_default(13)
    shortened = [textwrap.shorten(line, 28, placeholder="…") or line[:27] for line in lines]
    draw.multiline_text((left, top + 2), "\n".join(shortened), fill=_INK, font=font)
