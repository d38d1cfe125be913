"""The queries that went worst as one picture: words, reference, a right answer, first results."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from sprc.datasets.records import Query
from sprc.evaluation.folder import read_upright
from sprc.evaluation.outcome import Details, Outcome, shown_rank

ROWS: Final = 12
FIRST: Final = 6
CELL: Final = 120
_MARGIN: Final = 8
_TEXT: Final = 24
_GAP: Final = 24
_FRAME: Final = 3
_INK: Final = "#222222"
_PAPER: Final = "#ffffff"
_RIGHT: Final = "#2a9d3f"
_WRONG: Final = "#c0392b"
_NEUTRAL: Final = "#999999"


@dataclass(frozen=True)
class Failure:
    """A query whose first result is wrong."""

    query: Query
    rank: int
    """Of the best right picture, 0 being best."""
    first: tuple[str, ...]
    details: Details

    def path(self, name: str) -> Path:
        """Where a picture lies."""
        return self.details.evaluation.pictures.path(name)


def worst_failures(outcome: Outcome, most: int = ROWS) -> list[Failure]:
    """Of all sets those with the worst rank, worst first; none whose first result is right."""
    found = [failure for failure in _failures(outcome) if failure.rank > 0]
    return sorted(found, key=lambda failure: -failure.rank)[:most]


def _failures(outcome: Outcome) -> Iterator[Failure]:
    ranks = outcome.evaluation(outcome.main).ranks
    for details in outcome.details:
        evaluation = details.evaluation
        of_set = ranks[evaluation.name].tolist()
        for query, rank, top in zip(evaluation.queries, of_set, details.top, strict=True):
            first = tuple(evaluation.gallery[place] for place in top[:FIRST])
            yield Failure(query, rank, first, details)


def draw_failures(failures: Iterable[Failure]) -> bytes:
    """A PNG, a row for each: reference and target, then the first results, right ones in green.

    Raises:
        PictureError: A picture cannot be read.
    """
    failures = list(failures)
    row = _TEXT + CELL + 2 * _MARGIN
    width = (FIRST + 2) * (CELL + _MARGIN) + _MARGIN + _GAP
    sheet = Image.new("RGB", (width, max(1, len(failures)) * row + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(16)
    for place, failure in enumerate(failures):
        top = place * row + _MARGIN
        shown = shown_rank(failure.rank)
        rank = "none ranked" if shown is None else f"first right one at {shown}"
        text = textwrap.shorten(failure.query.text, 96, placeholder="…")
        draw.text((_MARGIN, top), f"“{text}”  ({rank})", fill=_INK, font=font)
        right = {failure.query.target, *failure.query.alternatives}
        cells = [(failure.query.reference, _NEUTRAL), (failure.query.known_target, _RIGHT)]
        cells += [(name, _RIGHT if name in right else _WRONG) for name in failure.first]
        for column, (name, color) in enumerate(cells):
            left = _MARGIN + column * (CELL + _MARGIN) + (_GAP if column > 1 else 0)
            _place(sheet, failure.path(name), left, top + _TEXT, color)
    content = BytesIO()
    sheet.save(content, format="PNG", optimize=True)
    return content.getvalue()


def _place(sheet: Image.Image, path: Path, left: int, top: int, color: str) -> None:
    side = CELL - 2 * _FRAME
    small = ImageOps.contain(read_upright(path), (side, side))
    framed = ImageOps.expand(small, _FRAME, color)
    sheet.paste(framed, (left + (CELL - framed.width) // 2, top))
