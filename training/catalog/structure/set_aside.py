"""What a data set goes without, and why."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from catalog.pairs import Captioned
from catalog.products import write_text
from catalog.structure.layout import SET_ASIDE
from catalog.structure.splits import REASON as LINKS_TWO_SPLITS

MESSAGES: Final = {
    LINKS_TWO_SPLITS: "A near-duplicate picture links it with products of another split.",
    "DIFFERENT_SPLITS": "Its two products lie in different splits.",
    "PRODUCT_GONE": "The list of products does not hold it any more.",
    "PICTURE_GONE": "Its product does not show this picture any more.",
    "PICTURE_MISSING": "The picture's file is missing.",
    "PICTURE_UNREADABLE": "The picture's file cannot be read.",
    "SAME_PICTURE": "Reference and target are one picture.",
}


@dataclass(frozen=True)
class SetAside:
    """A product, one of its pictures, or a captioned pair."""

    what: str
    """``product``, ``picture`` or ``pair``."""
    id: str
    """The product; of a pair, that of its target."""
    reason: str
    """UPPER_SNAKE; `MESSAGES` has a sentence for each."""
    picture: str = ""
    """Of a pair, its target."""
    reference_id: str = ""
    reference: str = ""

    @classmethod
    def pair(cls, captioned: Captioned, reason: str) -> "SetAside":
        """A captioned pair that is not in the data set."""
        pair = captioned.pair
        return cls("pair", pair.target_id, reason, pair.target, pair.reference_id, pair.reference)


def count(set_aside: Iterable[SetAside]) -> dict[tuple[str, str], int]:
    """How many of each kind for each reason, the most frequent first."""
    return dict(Counter((item.what, item.reason) for item in set_aside).most_common())


def write_set_aside(root: Path, set_aside: Iterable[SetAside]) -> None:
    """Replace the list, a line for each."""
    rows = (
        {name: value for name, value in asdict(item).items() if value}
        | {"message": MESSAGES[item.reason]}
        for item in set_aside
    )
    write_text(
        root / SET_ASIDE, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    )
