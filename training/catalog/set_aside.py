"""What was not taken into the list of products, and why: ``DIR/set-aside.jsonl``."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from catalog.products import write_text

SET_ASIDE: Final = "set-aside.jsonl"


@dataclass(frozen=True)
class SetAside:
    """A product or one of its pictures that was left out."""

    reason: str
    """UPPER_SNAKE."""
    message: str
    """One sentence for a person."""
    id: str = ""
    """The product; empty where none can be told."""
    picture: str = ""
    """Path or address as the source names it; empty where the whole product was left out."""
    where: str = ""
    """For example "line 12" or the page's address."""

    def to_row(self) -> dict[str, Any]:
        """As JSON; what is empty is left out."""
        known = {
            "id": self.id,
            "picture": self.picture,
            "where": self.where,
            "reason": self.reason,
            "message": self.message,
        }
        return {name: value for name, value in known.items() if value}


def write_set_aside(folder: Path, rows: Iterable[SetAside]) -> None:
    """Replace the folder's list in one step."""
    lines = (json.dumps(row.to_row(), ensure_ascii=False) + "\n" for row in rows)
    write_text(folder / SET_ASIDE, "".join(lines))
