"""JSON Lines: an object a line, in UTF-8 (https://jsonlines.org)."""

import json
from collections.abc import Iterator
from pathlib import Path

from indexer.rows import Row, RowError

MAX_LINE_BYTES = 1 << 20
"""A row is text beside a picture's path: one longer than this is no product."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of ``path``, holding one line at a time; blank lines are no rows."""
    for number, (line_number, line, too_long) in enumerate(_lines(path), 1):
        yield _row(number, line_number, line, too_long)


def count_rows(path: Path) -> int:
    """Count the rows of ``path`` without parsing them."""
    return sum(1 for _ in _lines(path))


def _lines(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Yield the lines that are not blank: number, as much as a row may hold, and whether it is
    longer than that."""
    with path.open("rb") as file:
        line_number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            line_number += 1
            too_long = len(line) > MAX_LINE_BYTES
            rest = line
            while too_long and rest and not rest.endswith(b"\n"):
                rest = file.readline(MAX_LINE_BYTES)
            if line_number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                yield line_number, line, too_long


def _row(number: int, line_number: int, line: bytes, too_long: bool) -> Row:
    try:
        if too_long:
            raise RowError("ROW_TOO_LARGE", "The row is longer than 1 MiB.")
        return Row(number, line_number, line, _parse(line))
    except RowError as problem:
        return Row(number, line_number, line, {}, problem)


def _parse(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise RowError("ROW_UNREADABLE", "The row is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise RowError("ROW_UNREADABLE", "The row is not valid JSON.") from error
    if not isinstance(value, dict):
        raise RowError("ROW_UNREADABLE", "The row is not a JSON object.")
    return value


def _refuse(constant: str) -> float:
    raise ValueError(constant)
