"""CSV and TSV: a header, then a product a row (RFC 4180), in UTF-8."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from catalog.errors import CatalogError
from catalog.feed.rows import Row, RowRefusedError

_DELIMITERS: Final = ",;\t|"


def read_csv(path: Path) -> Iterator[Row]:
    """The rows, one in memory at a time; blank lines are none.

    The header tells the delimiter: spreadsheets write commas, semicolons or tabs by country.

    Raises:
        CatalogError: There is no usable header, or the file is not UTF-8 or not CSV.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=_delimiter(file), strict=True)
        try:
            header = next(filter(None, reader), None)
            if header is None:
                raise CatalogError(f"{path} is empty; a CSV feed begins with a header")
            names = _names(path, header)
            for values in filter(None, reader):
                yield _row(f"line {reader.line_num}", names, values)
        except csv.Error as error:
            raise CatalogError(f"{path} is not CSV at line {reader.line_num}: {error}") from None


def _delimiter(file: TextIO) -> str:
    first = file.readline()
    file.seek(0)
    return max(_DELIMITERS, key=first.count)


def _names(path: Path, header: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    if "" in names or len(set(names)) != len(names):
        raise CatalogError(f"{path} has a column without a name, or two of one name")
    return names


def _row(where: str, names: list[str], values: list[str]) -> Row:
    if len(values) != len(names):
        message = f"The row has {len(values)} values, where the header has {len(names)}."
        return Row(where, {}, RowRefusedError("ROW_UNREADABLE", message))
    return Row(where, dict(zip(names, values, strict=True)))
