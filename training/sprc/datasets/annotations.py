"""Annotation files: JSON of a known shape, or one sentence that names the file."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from sprc.datasets.records import DataError, Query


def read_records(path: Path) -> list[Mapping[str, Any]]:
    """A JSON list of objects. Raises `DataError`."""
    content = _read(path)
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise DataError(f"{path} is not a JSON list of objects")
    return content


def read_names(path: Path) -> tuple[str, ...]:
    """A JSON list of different names. Raises `DataError`."""
    content = _read(path)
    if not isinstance(content, list) or not all(isinstance(item, str) for item in content):
        raise DataError(f"{path} is not a JSON list of names")
    repeated = [name for name, count in Counter(content).items() if count > 1]
    if repeated:
        raise DataError(f"{path} lists {repeated[0]} more than once")
    return tuple(content)


def read_mapping(path: Path) -> dict[str, str]:
    """A JSON object of texts. Raises `DataError`."""
    content = _read(path)
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise DataError(f"{path} is not a JSON object of names and paths")
    return content


def read_attributes(path: Path) -> dict[str, dict[str, str]]:
    """A JSON object of objects of texts. Raises `DataError`."""
    content = _read(path)
    if not isinstance(content, dict) or not all(
        isinstance(shown, dict) and all(isinstance(value, str) for value in shown.values())
        for shown in content.values()
    ):
        raise DataError(f"{path} does not say attributes as {{name: {{attribute: value}}}}")
    return content


def text_field(record: Mapping[str, Any], field: str, path: Path, position: int) -> str:
    """A text of a record. Raises `DataError`."""
    value = record.get(field)
    if not isinstance(value, str):
        raise DataError(f"{path}: entry {position} has no text {field!r}")
    return value


def texts_field(record: Mapping[str, Any], field: str, path: Path, position: int) -> list[str]:
    """A list of texts of a record. Raises `DataError`."""
    value = record.get(field)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(f"{path}: entry {position} has no list of texts {field!r}")
    return value


def require_listed(
    needs: Iterable[tuple[Query, Iterable[str]]],
    gallery: Collection[str],
    captions: Path,
    split: Path,
) -> None:
    """Every picture that a query needs is in the gallery. Raises `DataError`."""
    listed = frozenset(gallery)
    for query, names in needs:
        for name in names:
            if name not in listed:
                raise DataError(f"{captions}: query {query.id} needs {name}, not listed in {split}")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({type(error).__name__})") from error
