"""What captioning leaves behind.

    DIR/captions.jsonl              a captioned pair a line: kind, category, reference, target,
                                    reference_id, target_id, captions (two), captioner
    DIR/captions-set-aside.jsonl    a pair without captions a line: reason, message in their place

Both have the order of the selection, and are replaced whole at the end of a run.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from catalog.pairs import Captioned, Pair
from catalog.products import write_text

CAPTIONS: Final = "captions.jsonl"
SET_ASIDE: Final = "captions-set-aside.jsonl"


@dataclass(frozen=True)
class SetAside:
    """A pair that got no captions."""

    pair: Pair
    reason: str
    """UPPER_SNAKE."""
    message: str
    captioner: str


def write_captions(folder: Path, captioned: Iterable[Captioned]) -> None:
    """Replace `CAPTIONS`. Raises `OSError`."""
    _write(
        folder / CAPTIONS,
        (
            {**asdict(one.pair), "captions": list(one.captions), "captioner": one.captioner}
            for one in captioned
        ),
    )


def write_set_aside(folder: Path, set_aside: Iterable[SetAside]) -> None:
    """Replace `SET_ASIDE`. Raises `OSError`."""
    _write(
        folder / SET_ASIDE,
        (
            {
                **asdict(one.pair),
                "captioner": one.captioner,
                "reason": one.reason,
                "message": one.message,
            }
            for one in set_aside
        ),
    )


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    # A shop's JSON may hold half of a surrogate pair, which is no UTF-8.
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_text(path, text.encode("utf-8", "replace").decode("utf-8"))
