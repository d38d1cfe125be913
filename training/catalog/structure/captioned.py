"""The captions that `catalog caption` wrote."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from catalog.errors import CatalogError
from catalog.pairs import Captioned, Pair, PairKind

CAPTIONS: Final = "captions.jsonl"
UNCAPTIONED: Final = "captions-set-aside.jsonl"
_FIELDS: Final = ("category", "reference", "target", "reference_id", "target_id")


def read_captions(folder: Path) -> tuple[Captioned, ...]:
    """The captioned pairs of a folder. Raises `CatalogError`, which names the line."""
    path = folder / CAPTIONS
    captioned = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    captioned.append(_from_row(json.loads(line)))
                except (ValueError, KeyError, TypeError):
                    raise CatalogError(f"{path}: line {number} is no captioned pair") from None
    except FileNotFoundError:
        raise CatalogError(f"{path} does not exist; `catalog caption` writes it") from None
    except UnicodeDecodeError:
        raise CatalogError(f"{path} is not UTF-8") from None
    return tuple(captioned)


def _from_row(row: Mapping[str, Any]) -> Captioned:
    texts = {name: row[name] for name in _FIELDS}
    captions = tuple(row["captions"])
    captioner = row["captioner"]
    if not all(isinstance(text, str) for text in (*texts.values(), *captions, captioner)):
        raise TypeError("not text")
    first, second = captions
    return Captioned(Pair(PairKind(row["kind"]), **texts), (first, second), captioner)
