"""CSV: a header, then a product a row (RFC 4180), in UTF-8.

CSV knows only text, while a price should arrive as a number. A column whose every value is a
number is sent as numbers, one of only true and false as booleans, and any other as text: by whole
columns, so that one column never mixes types.
"""

import csv
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from indexer.rows import FeedError, Row, RowError

_SURROGATE: Final = re.compile("[\udc80-\udcff]")
# 007 and 1_000 are names of something, not amounts; so is a barcode that a float cannot hold.
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
_ALWAYS_TEXT: Final = frozenset({"id", "title", "image"})

Convert = Callable[[str], object]


def read_rows(path: Path, converters: Mapping[str, Convert]) -> Iterator[Row]:
    """Yield the rows of ``path``, one in memory at a time; blank lines are no rows.

    Raises:
        FeedError: there is no usable header, or the quoting is broken beyond a row.
    """
    for number, (line, header, values) in enumerate(_records(path), 1):
        raw = "\x1f".join(values).encode("utf-8", "surrogateescape")
        try:
            yield Row(number, line, raw, _fields(header, values, converters))
        except RowError as problem:
            yield Row(number, line, raw, {}, problem)


def survey(path: Path) -> tuple[int, dict[str, Convert]]:
    """Read ``path`` once: the number of its rows, and how to convert the columns that are not text.

    Raises:
        FeedError: as read_rows.
    """
    count = 0
    candidates: dict[str, set[str]] = {}
    seen: set[str] = set()
    for _, header, values in _records(path):
        if count == 0:
            candidates = {
                name: {"number", "boolean"} for name in header if name not in _ALWAYS_TEXT
            }
        count += 1
        for name, value in zip(header, values, strict=False):
            kinds = candidates.get(name)
            if kinds and value:
                seen.add(name)
                kinds &= _kinds(value)
    converters: dict[str, Convert] = {}
    for name in seen:
        if "number" in candidates[name]:
            converters[name] = float
        elif "boolean" in candidates[name]:
            converters[name] = _is_true
    return count, converters


def _records(path: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header: list[str] | None = None
        try:
            for values in reader:
                if not values:
                    continue
                if header is None:
                    header = _header(path, values)
                    continue
                yield reader.line_num, header, values
        except csv.Error as error:
            raise FeedError(f"{path.name} is not CSV at line {reader.line_num}.") from error
    if header is None:
        raise FeedError(f"{path.name} is empty: a CSV feed begins with a header.")


def _header(path: Path, values: list[str]) -> list[str]:
    names = [value.strip() for value in values]
    if "id" not in names:
        raise FeedError(f"{path.name} has no column 'id' in its header.")
    if len(set(names)) != len(names) or "" in names:
        raise FeedError(f"{path.name} has a column without a name, or two of one name.")
    return names


def _fields(
    header: list[str], values: list[str], converters: Mapping[str, Convert]
) -> dict[str, object]:
    if len(values) != len(header):
        raise RowError("ROW_UNREADABLE", "The row does not have as many values as the header.")
    if any(_SURROGATE.search(value) for value in values):
        raise RowError("ROW_UNREADABLE", "The row is not UTF-8.")
    return {
        name: converters[name](value) if value and name in converters else value
        for name, value in zip(header, values, strict=True)
    }


def _kinds(value: str) -> set[str]:
    kinds = set()
    if _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        kinds.add("number")
    if value.lower() in {"true", "false"}:
        kinds.add("boolean")
    return kinds


def _is_true(value: str) -> bool:
    return value.lower() == "true"
