"""JSON Lines: an object a line, in UTF-8 (https://jsonlines.org)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

from catalog.errors import CatalogError
from catalog.feed.rows import Row, RowRefusedError

MAX_LINE_CHARACTERS: Final = 1 << 20
"""A row is text beside the paths of pictures; a longer line is no product."""


def read_json_lines(path: Path) -> Iterator[Row]:
    """The rows, one in memory at a time; blank lines are none.

    Raises:
        CatalogError: The file is a JSON document rather than lines of it, or a line is too long.
    """
    with path.open(encoding="utf-8-sig") as file:
        number = 0
        while line := file.readline(MAX_LINE_CHARACTERS + 1):
            number += 1
            if number == 1 and line.lstrip().startswith("["):
                raise CatalogError(f"{path} is one JSON array; a feed has one object a line")
            if len(line) > MAX_LINE_CHARACTERS:
                raise CatalogError(f"{path}: line {number} is longer than a product can be")
            if line.strip():
                yield _row(f"line {number}", line)


def _row(where: str, line: str) -> Row:
    try:
        fields = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return Row(where, {}, RowRefusedError("ROW_UNREADABLE", "The row is not JSON."))
    if not isinstance(fields, dict):
        return Row(where, {}, RowRefusedError("ROW_UNREADABLE", "The row is no JSON object."))
    return Row(where, fields)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
